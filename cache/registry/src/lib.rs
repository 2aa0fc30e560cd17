//! NETWORK. The client of the OCI distribution specification: names become manifests, digests become bytes, over HTTP
//! with logins, mirrors, proxies and second tries. Has never heard of a Dockerfile or of a layer's format, and keeps
//! nothing: bytes go to whoever asked.
//!
//! A [`Client`] belongs to one build: it is made with the build's [`rbuild_oci::Cancel`], and all its connections are
//! shut down when that is raised. Start with [`Client::resolve`], then [`Client::manifest`], [`select`] and
//! [`Client::blob`]. [`Web`] reaches what is no registry in the same way, by [`Get`] and by [`Call`].

mod agents;
mod answer;
mod auth;
mod call;
mod challenge;
mod client;
mod config;
mod credentials;
mod doctor;
mod error;
mod helper;
mod http;
mod login;
mod manner;
mod mirrors;
mod pace;
mod proxy;
mod push;
mod referrers;
mod refusal;
mod resolve;
mod retry;
mod secret;
mod settings;
mod similar;
mod source;
mod tags;
pub mod testing;
mod transfer;
mod upload;
mod url;
mod wait;
mod wallet;
mod web;

pub use answer::Answer;
pub use call::{Call, Content, Verb};
pub use client::Client;
pub use config::{Config, Timeouts, Uploads};
pub use doctor::{Finding, Patient, State, examine};
pub use error::{Error, Result};
pub use login::{Proven, registry_of};
pub use mirrors::Mirror;
pub use proxy::Proxies;
pub use push::{Open, Pushed};
pub use resolve::{MANIFEST_LIMIT, select};
pub use retry::Schedule;
pub use settings::{Certificates, Host, Identity, Settings};
pub use source::Source;
pub use wait::pause;
pub use wallet::{Kept, Wallet};
pub use web::{Address, Get, Web};

//! Contexts of every kind, built by the program itself: tarballs, URLs, git repositories, named ones. Servers are on
//! loopback, repositories are real.

#![allow(clippy::unwrap_used)] // the helpers of tests are tests

#[path = "../common/mod.rs"]
mod common;
mod daemon;
mod epoch;
mod git;
mod hostile;
mod lab;
mod lock;
mod named;
#[allow(dead_code)]
#[path = "../remote/server.rs"]
mod server;
mod stdin;
mod tarball;
#[allow(dead_code)]
#[path = "../builds/tool.rs"]
mod tool;
mod web;

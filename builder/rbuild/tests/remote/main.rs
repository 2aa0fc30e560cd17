//! ADD of what lies elsewhere: URLs and git repositories, from servers on loopback and repositories on this disk.

#![allow(clippy::unwrap_used)] // the helpers of tests are tests

mod repository;
mod server;
mod url;
mod world;

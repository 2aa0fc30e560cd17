//! Real projects: real Dockerfiles where they lie, and the examples, built with the program itself and run. Most need
//! the network (Debian's packages, PyPI, npm, crates.io) and minutes, so `.ci/full` runs them:
//! `cargo test -p rbuild --test projects -- --ignored`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;

mod databases;
mod debian;
mod examples;
mod place;
mod realworld;
mod served;
mod table;

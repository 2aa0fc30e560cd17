//! Base images of registries: their layers come when something reads them, and not before.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests: a panic is how they fail

#[path = "../common/mod.rs"]
mod common;
mod later;
mod steps;
mod world;

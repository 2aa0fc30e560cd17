//! Tests of lowering from outside: goldens by folder, and what holds for every Dockerfile.
#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on fails

mod common;
mod golden;
mod lint;
mod properties;

//! The solver inside one process: a real store, the copy driver, programs that are closures, a clock that stands still.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::result_large_err)]

#[path = "../common/mod.rs"]
mod common;

mod compressed;
mod copies;
mod cutoff;
mod damage;
mod editing;
mod failure;
mod far;
mod hits;
mod order;
mod proofs;
mod world;

//! Caches that many machines share: several stores with no disk in common, real registries and object stores between
//! them, and the program itself on either side.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests: a panic is how they fail

#[allow(dead_code, reason = "shared with tests of other crates")]
#[path = "../../../../cache/records/tests/buckets/mod.rs"]
mod buckets;
#[path = "../common/mod.rs"]
mod common;
mod dead;
mod machine;
mod mended;
mod meter;
mod recipes;
mod shared;
mod trusted;

//! Why steps are not cached: what is compared, as goldens below testdata/explain; and real builds.

#![allow(clippy::unwrap_used)] // tests: a panic is how they fail

#[path = "../common/mod.rs"]
mod common;

mod builds;
mod goldens;
mod later;
mod world;

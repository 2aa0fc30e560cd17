//! `rbuild pull`: what comes is whole and as it was written, whatever goes wrong on the way; what is wrong leaves nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests: a panic is how they fail

mod debian;
mod faults;
mod hostile;
mod kept;
mod world;

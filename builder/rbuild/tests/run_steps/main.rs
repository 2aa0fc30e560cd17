//! What a RUN sees and may do, through the real program: every test as root, as an ordinary user with subordinate ids
//! and as one without. Tests that a machine cannot run say SKIP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod image;
mod user;
mod world;

mod accounts;
mod failure;
mod kept;
mod layers;
mod mounts;
mod network;
mod output;
mod secrets;
mod surroundings;
mod syscalls;
mod travel;
mod variables;

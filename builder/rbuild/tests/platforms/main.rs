//! Builds for other platforms and for several at once: the program itself, the real kernel and its binfmt_misc, which a
//! user namespace has a copy of its own of, and the tools that read what comes out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;

mod emulated;
mod index;
mod readers;
mod world;

//! Images in files: the program itself takes them in and writes them out, and other programs agree about them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;

mod copy;
mod forms;
mod hostile;
mod lists;
mod save;
mod upon;
mod world;

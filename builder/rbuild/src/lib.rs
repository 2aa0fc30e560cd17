//! THE SHELL. From a command line to a request, a solved graph, an image and what is written of it. Everything that
//! reads the environment, the clock or a terminal is here; the crates below get it as input.

pub mod args;
pub mod assemble;
pub mod build;
mod change;
pub mod cli;
pub mod container;
pub mod ctx;
pub mod download;
pub mod driver;
pub mod error;
mod etc;
pub mod events;
pub mod explain;
pub mod export;
pub mod failed;
pub mod far;
pub mod fsck;
pub mod git;
pub mod image;
pub mod import;
pub mod lock;
mod metadata;
pub mod prune;
pub mod reach;
pub mod render;
pub mod report;
pub mod request;
mod rootfs;
pub mod send;
pub mod sharing;
pub mod solve;
pub mod stack;
pub mod tree;
pub mod verify;
pub mod warnings;

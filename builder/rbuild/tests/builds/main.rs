//! Real builds: the program itself, the real kernel, a busybox base; as root, as an ordinary user with subordinate ids,
//! with every storage driver, interrupted, killed, and many at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;

mod apps;
mod crash;
mod crowd;
mod deep;
mod devices;
mod disk;
mod equal;
mod fsck_verb;
mod golden;
mod interrupt;
mod many;
mod mounts;
mod noop;
mod prune;
mod race;
mod soak;
mod together;
mod tool;
mod verify;

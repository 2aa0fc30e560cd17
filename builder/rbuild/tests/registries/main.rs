//! How registries are reached, by the program itself: settings, logins, being offline, the doctor. Registries are in this
//! process, or Debian's on loopback.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests: a panic is how they fail")]

#[path = "../../../../cache/registry/tests/server/mod.rs"]
mod server;

mod doctor;
mod login;
mod offline;
mod settings;
mod world;

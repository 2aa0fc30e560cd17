//! What the texts that this project comes from show, row by row: layers, the container's own layer, volumes, drivers, the
//! layout on the disk. Each test is what a reader of them types, with `docker` being this program, on a store of its own
//! and without a network: bases are made of busybox, and apt-get and pip are stand-ins that write as much as theirs do in
//! proportion. Where a text is loose or wrong the test holds docker's behaviour and says so behind "Truth".

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;

mod crash;
mod g1;
mod g2;
mod g3;
mod g4;
mod g5;
mod images;
#[path = "../container/plugin_server.rs"]
#[allow(dead_code, reason = "its misbehaviour is for other tests")]
mod plugin_server;
mod reader;

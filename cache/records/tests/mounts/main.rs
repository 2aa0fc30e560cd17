//! Cache mounts that travel: real directories, stores that share nothing but a depot, and depots that lie.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod crowd;
mod hostile;
mod shapes;
mod steps;
mod world;

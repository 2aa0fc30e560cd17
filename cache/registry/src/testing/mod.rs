//! A registry in this process, on loopback, for tests of this crate and of others: it serves and takes images over the
//! distribution API, asks for logins, and fails on demand. Knows nothing of the client, and keeps all in memory.

mod api;
mod referrers;
mod registry;
mod uploads;
pub mod wire;

pub use registry::{Fault, Login, Manners, Registry, Seen};

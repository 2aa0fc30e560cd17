//! A container while it lives: what the runner is given, the process's streams and signals, its end. Keeps nothing
//! itself.

mod make;
mod plan;
mod run;
mod signals;
mod stdio;
mod user;
mod view;

pub use make::create;
pub use run::{FAILED, exit_code, run};
pub(crate) use signals::Forwarder;
pub(crate) use stdio::{attended, write};

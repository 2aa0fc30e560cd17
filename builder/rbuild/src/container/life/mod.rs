//! A container while it lives: what the runner is given, the process's streams and signals, its end. Keeps nothing
//! itself.

mod make;
pub(crate) mod plan;
mod run;
pub(crate) mod signals;
pub(crate) mod stdio;
pub(crate) mod user;
mod view;

pub use make::create;
pub use run::{FAILED, exit_code, run};

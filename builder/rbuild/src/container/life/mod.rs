//! A container while it lives: what the runner is given, the process's streams and signals, its end. Keeps nothing
//! itself.

mod kill;
mod make;
pub(crate) mod plan;
mod run;
pub(crate) mod signals;
pub(crate) mod stdio;
pub(crate) mod user;

pub use kill::kill;
pub use make::{create, furnish};
pub use run::{FAILED, exit_code, run};

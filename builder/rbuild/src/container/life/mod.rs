//! A container while it lives: what the runner is given, the process's streams and signals, its end. Keeps nothing
//! itself.

mod kill;
mod make;
mod plan;
mod run;
mod signals;
mod stdio;
mod user;

pub use kill::kill;
pub use make::{create, furnish};
pub use run::{FAILED, exit_code, run};

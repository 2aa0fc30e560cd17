//! Locked inputs: what every name and address of a Dockerfile meant when it was locked, in a file `rbuild.lock` beside it.
//! A build that is locked takes these answers and asks nobody what a name means. Brings nothing itself.

mod content;
mod file;
mod moved;
mod pin;

pub use content::Content;
pub use file::Lock;
pub use moved::{Moved, moved};
pub use pin::{address, pin, pin_op, repository};

/// How the file is called.
pub const FILE: &str = "rbuild.lock";

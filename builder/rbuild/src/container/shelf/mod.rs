//! Containers on the disk: the bucket of all of them, one that is locked, where each is in its life. Runs nothing.

mod containers;
pub(crate) mod held;
mod state;

pub(crate) use containers::Wanted;
pub use containers::{Containers, Entry};
pub use held::Held;
pub use state::{ProcessMark, State, Status};

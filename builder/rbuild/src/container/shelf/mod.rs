//! Containers on the disk: the bucket of all of them, one that is locked, where each is in its life. Runs nothing.

mod containers;
mod damaged;
mod find;
pub(crate) mod held;
mod state;
#[cfg(test)]
pub(crate) mod testing;
mod volumes;

pub(crate) use containers::Wanted;
pub use containers::{Containers, Entry};
pub use held::Held;
pub use state::{LOST, ProcessMark, State, Status};

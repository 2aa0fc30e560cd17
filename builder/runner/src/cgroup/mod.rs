//! Control groups: what a container may use at most, and how it is frozen. A group per container, named after it, below
//! a group `rbuild` in the highest place that this process may write. Knows no container but by its name.
//!
//! ```text
//! <hierarchy>/…/rbuild/<name>
//! ```
//!
//! Version 2 freezes where it is mounted, also beside version 1 (a "hybrid" machine): a process can be born into a group
//! of it, where moving one costs the kernel milliseconds. Limits are those of whichever version has the controller.

mod freezer;
mod group;
mod join;
mod limits;
mod place;

pub use freezer::{freeze, is_frozen, thaw};
pub(crate) use group::Group;
pub use group::{remove, shortcomings};
pub use join::procs;
pub use limits::{Limits, Swap};

/// The control group of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Its name, the same for as long as the container exists.
    pub name: String,
    /// What is limited.
    pub limits: Limits,
}

//! PURE. Containers in docker's words: the rows of `ps` and the object of `inspect`. Knows no disk, no process and no
//! clock: what is needed of them is handed in.

mod config;
mod host_config;
mod inspect;
mod mounts;
mod network;
mod row;
mod state;

pub(crate) use config::{env, words};
pub use inspect::{About, inspect};
pub use mounts::VolumePlace;
pub use network::network_name;
pub use row::{COLUMNS, Columns, row};
pub use state::{Phase, exit_code, phase, status};

/// How large a container is, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// What it wrote.
    pub written: u64,
    /// That and its image.
    pub whole: u64,
}

//! Containers of `rbuild run`: an image, a writable layer of its own, mounts, one process. Knows nothing of how images
//! are made.
//!
//! ```text
//! containers.v1/
//!   .lock                    taken for a moment by who makes, names or removes a container
//!   names/NAME -> ID         which container has a name
//!   ID/                      64 hexadecimal digits
//!     config.json            what was asked for (version 1); written once
//!     state.json             running: pid and start time; or how it ended
//!     lock                   flocked for as long as the process lives
//!     auto-remove            there if `--rm` was given
//!     upper/                 the writable layer, made by the storage driver
//!     etc/                   hosts, hostname, resolv.conf: bind-mounted, so edits last as long as the container
//! ```
//!
//! `spec` turns text of the command line into values, `request` gathers them, `create` joins them with the image's
//! configuration to a [`Config`]; `containers`, `held` and `state` keep it on disk; `mounts`, `volumes`, `copy_up`,
//! `etc`, `user` and `plan` turn it into what the runner takes; `run` does it all, with `stdio` and `signals` around the process.

mod command;
mod config;
mod containers;
mod copy_up;
mod create;
mod environment;
mod etc;
mod held;
mod id;
mod image;
mod mount;
mod mounts;
mod name;
mod plan;
mod request;

mod run;
mod signals;
mod spec;
mod state;
mod stdio;
mod user;
mod view;
mod volumes;
mod words;

pub use config::{Config, ImageSource, Network, Seccomp};
pub use containers::{Containers, Entry};
pub use held::Held;
pub use id::ContainerId;
pub use image::{Image, stack};
pub use mount::{Bind, Mount, MountKind, Propagation, Tmpfs, Volume};
pub use request::{Request, World};
pub use run::{FAILED, exit_code, run};
pub use state::{ProcessMark, State, Status};

//! Containers of `rbuild run`: an image, a writable layer of its own, mounts, one process. Knows nothing of how images
//! are made.
//!
//! ```text
//! containers.v1/
//!   .lock                    taken for a moment by who makes, names or removes a container
//!   names/NAME -> ID         which container has a name
//!   ID/                      64 hexadecimal digits
//!     config.json            what was asked for (version 1); written once, and again when it is renamed
//!     state.json             running: pid and start time; or how it ended
//!     lock                   flocked for as long as the process lives
//!     auto-remove            there if `--rm` was given
//!     for-later              there if it was made by `create`
//!     volumes-mounted        there while a volume plugin is still to be told of its end
//!     upper/                 the writable layer, made by the storage driver
//!     etc/                   hosts, hostname, resolv.conf: bind-mounted, so edits last as long as the container
//!     ID-json.log            what it printed, as Docker's json-file driver keeps it
//!     control                a socket, served by whoever lives the container
//!     supervisor.log         what a supervisor had to say when nobody was there
//! ```
//!
//! `spec` turns text of the command line into values of `model`; `create` joins them with the image's configuration to
//! a [`Config`]; `shelf` keeps it on disk; `show` tells people and scripts of it; `log` and `control` are what is
//! written of a life and how to speak to it; `mounts` makes ready what is mounted; `life` runs it to its end; `inside`
//! is what others do in it meanwhile; `files` reads and writes its files. Each room uses only those before it.

mod control;
mod create;
mod files;
mod inside;
mod life;
mod log;
mod model;
mod mounts;
mod shelf;
pub mod show;
mod spec;

pub use control::{Attached, Control, Heard, Size, Speaker, Wants};
pub use create::{Request, World};
pub use files::{Change, Commit, Copying, Outside, commit, diff, export, size};
pub use inside::{ExecRequest, Running, exec, exit_code as exec_exit_code, top};
pub use life::{
    Attach, Attendance, FAILED, Growth, Handed, KILL, Launch, Left, Proxy, Shown, Stop, Timeout, attach, create, end,
    exit_code, furnish, kill, not_running, run, run_again, stop, stop_and_hold, supervise, wait,
};
pub(crate) use life::{Attendant, Forwarder, Listener, attended, null};
pub use log::{Line, Reader};
pub use model::{
    Bind, Binding, Config, ContainerId, Image, ImageMount, ImageSource, Limits, Mount, MountKind, Network, Port, Ports,
    Propagation, Protocol, Publish, Recursive, Resolver, Seccomp, Tmpfs, Volume,
};
pub use mounts::{Patience, Plugin, PluginFolders, PluginSettings, Survey, VolumeDrivers};
pub use shelf::{Containers, Entry, Held, LOST, ProcessMark, State, Status};
pub use spec::port::{one as port, ports};

//! PROCESSES. Runs one process in namespaces of its own: [`Container`] (data) → [`plan`] (pure) → a list of
//! [`SetupOp`]s that an interpreter performs inside the new namespaces before it becomes the process.
//!
//! Sees neither build graph nor store: no digest, no instruction. Containers start by re-executing this program, so
//! the program's `main` must call [`maybe_init`] before anything else; nothing but raw system calls runs between clone
//! and exec, and no namespace is entered by a process that has threads.

pub mod caps;
pub mod cgroup;
mod channel;
mod container;
mod disposition;
mod emulation;
mod error;
mod executor;
mod filter;
mod guard;
mod init;
mod joining;
mod namespaces;
pub mod network;
mod oom;
mod plan;
mod probe;
mod sandbox;
pub mod seccomp;
mod spawn;
mod stub;
mod sys;
mod terminal;
pub mod testing;
mod tree;
pub mod userns;
pub mod users;
mod wire;

pub use caps::Caps;
pub use container::{
    Access, Confinement, Container, InjectedFile, Limit, MountSpec, Mounted, Network, Overlay, Propagation, Resource,
    Rootfs, Sizes, Source, Stdio, Terminal, Tmpfs, User,
};
pub use error::{Error, Result};
pub use executor::{Begun, Birth, Executor, Exit, Outcome, Output, Process, Stream};
pub use filter::{compile_filter, docker_filter};
pub use guard::Guard;
pub use init::maybe_init;
pub use joining::Joining;
pub use namespaces::Spaces;
pub use oom::oom_score_shortcoming;
pub use plan::{BindSource, MountFlags, Namespaces, Otherwise, Plan, SetupOp, plan, plan_joining};
pub use probe::{Finding, probe};
pub use sandbox::Sandbox;
pub use stub::{Stub, remove_stubs};
pub use sys::inherit_streams_only;
pub use terminal::{RawMode, is_background};
pub use userns::IdMap;

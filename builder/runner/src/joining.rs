//! One more process in a container that runs, as plain data. Knows no system call and no step of a plan.

use std::path::PathBuf;

use crate::container::{Confinement, Limit, Stdio, User};
use crate::executor::Process;
use crate::userns::IdMap;

/// A process that joins a container: its mounts, processes, host name, network and whatever else it has of its own.
#[derive(Clone, Debug)]
pub struct Joining {
    /// The container's first process, in this program's own user namespace (see [`crate::userns::spawn_beside`]).
    pub process: Process,
    /// `cgroup.procs` files of the machine that the process is written into, before it is the container's.
    pub cgroups: Vec<PathBuf>,
    /// The program and its arguments; a program without `/` is looked up in the `PATH` of `env`.
    pub argv: Vec<Vec<u8>>,
    /// `KEY=value`; the whole environment, nothing is added.
    pub env: Vec<Vec<u8>>,
    /// Working directory inside the container, which has to exist.
    pub cwd: Vec<u8>,
    /// Who runs it.
    pub user: User,
    /// What it may do; what is masked or read-only is the container's already.
    pub confinement: Confinement,
    /// Where its input comes from and its output goes; a terminal is one of the container's `/dev/pts`.
    pub stdio: Stdio,
    /// Resource limits, as [`crate::Container::limits`].
    pub limits: Vec<Limit>,
    /// The user namespace this program runs in; see [`IdMap::current`].
    pub ids: IdMap,
}

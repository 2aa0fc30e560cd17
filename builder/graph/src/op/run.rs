//! RUN: a process in the parent's files. Knows what it may see, not how it is confined.

use super::{InlineFile, Input};
use crate::request::Network;
use rbuild_oci::Platform;
use serde::{Deserialize, Serialize};

/// A process run in the parent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunOp {
    /// The program and its arguments, shell included; Dockerfiles are bytes.
    pub argv: Vec<Vec<u8>>,
    /// The environment in order, names unique: ENV, then ARGs in scope as they were declared. HOME is the executor's.
    pub env: Vec<(String, String)>,
    /// Proxy variables, which must not change the result and are kept out of keys, history and
    /// whatever is written of the operation; they win over `env`.
    #[serde(skip)]
    pub env_unkeyed: Vec<(String, String)>,
    /// `user[:group]` by name or number; empty is root.
    pub user: String,
    /// The working directory, absolute and clean.
    pub cwd: String,
    /// Mounts in the order in which they are made.
    pub mounts: Vec<Mount>,
    /// Scripts, each readable and executable (0755) as `/dev/pipes/NAME`.
    pub scripts: Vec<InlineFile>,
    /// The network.
    pub network: Network,
    /// How much the process may do.
    pub security: Security,
    /// The host name it sees.
    pub hostname: String,
    /// Additional lines of /etc/hosts, as host name and address.
    pub add_hosts: Vec<(String, String)>,
    /// Devices in the names of the Container Device Interface.
    pub devices: Vec<Device>,
    /// The platform whose programs it runs.
    pub platform: Platform,
}

/// How much a process may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Security {
    /// Docker's default capabilities and system calls.
    #[default]
    Sandbox,
    /// Everything.
    Insecure,
}

/// A device for a process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Device {
    /// `vendor/class=name`, or a class.
    pub name: String,
    /// Whether its absence is an error.
    pub required: bool,
}

/// Something a process sees at a path and that is no part of its result. Targets are absolute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Mount {
    /// Files of an input.
    Bind(BindMount),
    /// A directory that outlives the build.
    Cache(CacheMount),
    /// An empty directory in memory.
    Tmpfs(TmpfsMount),
    /// A secret as a file, a variable or both.
    Secret(SecretMount),
    /// The socket of an ssh agent.
    Ssh(SshMount),
}

/// Files of an input; what is written is thrown away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BindMount {
    /// Where.
    pub target: String,
    /// The tree; none is an empty one.
    pub input: Option<Input>,
    /// The file or directory of the tree, absolute and clean.
    pub source: String,
    /// Whether writing is allowed.
    pub writable: bool,
}

/// A directory that outlives the build and is shared by its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CacheMount {
    /// Where.
    pub target: String,
    /// Its name, with the namespace before it where there is one.
    pub id: String,
    /// Who may use it at the same time.
    pub sharing: Sharing,
    /// The tree it is filled from when new; none is an empty one.
    pub input: Option<Input>,
    /// The directory of that tree, absolute and clean.
    pub source: String,
    /// Whether it is read-only.
    pub read_only: bool,
    /// Mode of the directory when new and `input` is none.
    pub mode: u32,
    /// Owner of the directory when new.
    pub uid: u32,
    /// Group of the directory when new.
    pub gid: u32,
}

/// Who may use a cache directory at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Sharing {
    /// Everybody.
    #[default]
    Shared,
    /// Everybody, each with a directory of their own.
    Private,
    /// One after the other.
    Locked,
}

/// An empty directory in memory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TmpfsMount {
    /// Where.
    pub target: String,
    /// The most it holds, in bytes; 0 is the kernel's default.
    pub size: u64,
    /// Whether it is read-only.
    pub read_only: bool,
}

/// A secret, known here by its id alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SecretMount {
    /// Its name.
    pub id: String,
    /// The file; none where it is a variable only.
    pub target: Option<String>,
    /// The variable.
    pub env: Option<String>,
    /// Whether its absence is an error.
    pub required: bool,
    /// Mode of the file.
    pub mode: u32,
    /// Owner of the file.
    pub uid: u32,
    /// Group of the file.
    pub gid: u32,
}

/// The socket of an ssh agent, known here by its id alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SshMount {
    /// Its name; `default` where none is given.
    pub id: String,
    /// The socket. SSH_AUTH_SOCK of the first one is part of the environment already.
    pub target: String,
    /// Whether its absence is an error.
    pub required: bool,
    /// Mode of the socket.
    pub mode: u32,
    /// Owner of the socket.
    pub uid: u32,
    /// Group of the socket.
    pub gid: u32,
}

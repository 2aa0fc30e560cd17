//! `RUN` with its flags.
use super::Command;
use crate::mount::MountFlag;
use crate::span::Text;
use crate::tree::Heredoc;

/// A command run in the build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The command line; heredocs are not yet part of it, see [`Run::script`].
    pub command: Command,
    /// `--mount`, in order.
    pub mounts: Vec<MountFlag>,
    /// `--network`.
    pub network: Network,
    /// `--security`.
    pub security: Security,
    /// `--device`, in order.
    pub devices: Vec<Device>,
    /// Heredocs, in order.
    pub heredocs: Vec<Heredoc>,
}

/// `--network`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// What the builder gives.
    #[default]
    Default,
    /// Loopback only.
    None,
    /// The host's.
    Host,
}

/// `--security`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// Confined.
    #[default]
    Sandbox,
    /// Unconfined.
    Insecure,
}

/// `--device`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// CDI name; may be empty.
    pub name: Text,
    /// Fail when it is not there.
    pub required: bool,
}

/// What is run, heredocs taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Script<'a> {
    /// These arguments, without a shell.
    Exec(&'a [Text]),
    /// This text, as the argument of the shell.
    Shell(Vec<u8>),
    /// A sole heredoc that begins with `#!`: written to `/dev/pipes/NAME`, mode 0755, and that path handed to the shell.
    File {
        /// The heredoc's name.
        name: &'a Text,
        /// The file's content.
        body: Vec<u8>,
    },
}

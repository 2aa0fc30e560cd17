//! What can go wrong before, around and in place of a process. A process that fails is not an error: see
//! [`crate::Exit`].

use std::io;

/// Shorthand for this crate's results.
pub type Result<T> = std::result::Result<T, Error>;

/// Operation, subject and source of a failure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A step of setting up the container failed inside its namespaces.
    #[error("setting up the container: {operation}")]
    Setup {
        /// The failed step, as the plan prints it.
        operation: String,
        /// Why.
        source: io::Error,
    },
    /// The program cannot be started.
    #[error("exec: \"{program}\": {reason}")]
    Program {
        /// Its name as given.
        program: String,
        /// E.g. `not found in $PATH`.
        reason: String,
        /// The shell's convention: 127 not found, 126 not executable.
        code: u8,
    },
    /// A system call of this program itself failed.
    #[error("{operation} {subject}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        subject: String,
        /// Why.
        source: io::Error,
    },
    /// The container ended before it told how it was set up.
    #[error("the container's first process ended during setup ({0})")]
    Lost(String),
    /// The container that a process was to join has ended.
    #[error("the container is not running")]
    Ended,
    /// What was asked for contradicts itself or a limit of the kernel.
    #[error("{0}")]
    Invalid(String),
    /// A user or group has no entry, or an entry cannot be read.
    #[error("{0}")]
    User(String),
    /// No user namespace can be had; says what to install or allow.
    #[error("cannot create a user namespace: {0}")]
    UserNamespace(String),
    /// A container has no control group by which it could be frozen; says why.
    #[error("it has no control group of its own: {0}")]
    NoFreezer(String),
    /// No network of a container's own can be had.
    #[error("cannot set up the container's network: {0}")]
    Network(String),
    /// This machine does not run the programs of a platform.
    #[error("programs of {platform} do not run on this machine, which is {native}: {reason}")]
    Platform {
        /// The platform.
        platform: String,
        /// The machine's own.
        native: String,
        /// Why.
        reason: String,
        /// What helps.
        hint: String,
    },
    /// The caller asked to stop.
    #[error(transparent)]
    Canceled(#[from] rbuild_oci::Canceled),
}

impl Error {
    /// The exit status a shell gives: 126 or 127 for a program that cannot be started, else 125 as `docker run` has it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Program { code, .. } => *code,
            _ => 125,
        }
    }

    /// What helps, where something is known to.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Platform { hint, .. } => Some(hint),
            _ => None,
        }
    }

    /// Wraps the error of a system call.
    pub(crate) fn io(operation: &'static str, subject: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Io { operation, subject: subject.into(), source: source.into() }
    }
}

//! What can go wrong in the shell: every error of the crates below, and those of requests, copies and steps. Knows no
//! terminal; `report` shows errors.

mod lost;

use dockerfile_parser::Span;
use dockerfile_parser::lint::Linter;
use rbuild_oci::{Canceled, Digest};
use std::io;

/// The result of every fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Something that ends a build or a command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line asks for something that makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The Dockerfile is not one.
    #[error(transparent)]
    Parse(#[from] dockerfile_parser::Error),
    /// The Dockerfile asks for something that cannot be.
    #[error(transparent)]
    Graph(#[from] rbuild_graph::Error),
    /// An ignore file is wrong.
    #[error("{name}: {source}")]
    Ignore {
        /// How the file is called in messages.
        name: String,
        /// What it says.
        bytes: Vec<u8>,
        /// What is wrong, and where in `bytes`.
        source: Box<dockerfile_parser::Error>,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] rbuild_store::Error),
    /// A value of the specifications is wrong.
    #[error(transparent)]
    Oci(#[from] rbuild_oci::Error),
    /// The build cache refused.
    #[error(transparent)]
    Records(#[from] rbuild_records::Error),
    /// A registry refused.
    #[error(transparent)]
    Registry(#[from] rbuild_registry::Error),
    /// A process could not be started.
    #[error(transparent)]
    Runner(#[from] rbuild_runner::Error),
    /// The system refused an operation outside the store.
    #[error("cannot {operation} {subject}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// What it was tried on.
        subject: String,
        /// The system's answer.
        source: io::Error,
    },
    /// A volume is to be removed that containers mount.
    #[error("remove {name}: volume is in use - [{users}]")]
    VolumeInUse {
        /// The volume.
        name: String,
        /// The ids of the containers.
        users: String,
    },
    /// A link leads in circles.
    #[error("{path}: too many levels of symbolic links")]
    LinkLoop {
        /// The path that was to be found.
        path: String,
    },
    /// A source of COPY, ADD or a mount is not there.
    #[error("{path} not found in {place}")]
    NotFound {
        /// The path or pattern as written.
        path: String,
        /// Where it was looked for, as in "the build context".
        place: String,
        /// What may help.
        hint: Option<String>,
    },
    /// A user or group is not in the image.
    #[error("unable to find {what} {name:?}: no such entry in {file} of the image")]
    UnknownAccount {
        /// `user` or `group`.
        what: &'static str,
        /// Its name.
        name: String,
        /// The file that lists what there is.
        file: &'static str,
        /// What may help.
        hint: Option<String>,
    },
    /// A step requires a secret or an agent that the command line does not give.
    #[error("{what} {id}: not found: the step requires it; hand it in with {}", flag(what, id))]
    NotGiven {
        /// `secret` or `ssh`.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// A directory is needed where something else is.
    #[error("{path} is not a directory")]
    NotADirectory {
        /// The path in the image.
        path: String,
    },
    /// A directory cannot replace a file.
    #[error("cannot copy a directory to non-directory {path}")]
    DirectoryOverFile {
        /// The path in the image.
        path: String,
    },
    /// A file cannot replace a directory.
    #[error("cannot replace directory {path} with a file")]
    FileOverDirectory {
        /// The path in the image.
        path: String,
    },
    /// The files that a step takes were edited while it took them, and again while it tried once more.
    #[error("the context changed during the build: {path} is not what it was a moment ago")]
    ContextChanged {
        /// The file.
        path: String,
    },
    /// A step cannot be done as it is written.
    #[error("{0}")]
    Step(String),
    /// What is at an address is not what it has to be.
    #[error("{address}: its content has the digest {found}, not {wanted} as its checksum says")]
    OtherContent {
        /// The address.
        address: String,
        /// The digest of what is there.
        found: Box<Digest>,
        /// The digest that it has to have.
        wanted: Box<Digest>,
    },
    /// A build that is locked asks for what its lock file does not have.
    #[error("{file} has no {what}")]
    NotLocked {
        /// What is asked for.
        what: String,
        /// The lock file.
        file: String,
    },
    /// A step asks for what the command line does not allow.
    #[error("{entitlement} is not allowed")]
    NotAllowed {
        /// What it asks for.
        entitlement: &'static str,
    },
    /// A command of a RUN ended badly.
    #[error("process {command:?} did not complete successfully: {outcome}")]
    Command {
        /// The command, as a person reads it.
        command: String,
        /// How it ended, as in "exit code: 1".
        outcome: String,
        /// The exit code for the shell.
        code: u8,
        /// The last lines it wrote.
        tail: Vec<String>,
        /// What may help.
        hint: Option<String>,
    },
    /// A step failed; where it stands in the Dockerfile.
    #[error("{source}")]
    At {
        /// The step's line, as in `[builder 2/5] RUN make`, or what is asked for.
        step: String,
        /// Where the instruction stands.
        span: Span,
        /// What may help.
        hint: Option<String>,
        /// Why.
        source: Box<Error>,
    },
    /// The linter found what the Dockerfile, or the command line, calls an error.
    #[error("lint violation found for rules: {}", rules.join(", "))]
    Lint {
        /// The rules, sorted.
        rules: Vec<&'static str>,
    },
    /// No container has that name or id.
    #[error("no such container: {name}")]
    NoContainer {
        /// The word that was to name one.
        name: String,
        /// What may help.
        hint: String,
    },
    /// A container's supervisor could not start it.
    #[error("{message}")]
    Start {
        /// What it said.
        message: String,
        /// What may help.
        hint: Option<String>,
        /// The exit code for the shell.
        code: u8,
    },
    /// A container is not such that this can be done with it.
    #[error("container {name} {reason}")]
    Unfit {
        /// How it is called.
        name: String,
        /// What it is, as in "is not running".
        reason: String,
        /// What may help.
        hint: Option<String>,
    },
    /// A container cannot be read.
    #[error("container {id} is damaged: {reason}")]
    Damaged {
        /// The first digits of its id.
        id: String,
        /// What of it, and why.
        reason: String,
    },
    /// Files cannot be copied into or out of a container as it is asked for.
    #[error("{0}")]
    Copy(String),
    /// The build needs more than records, and this process is outside the namespace that work is done in.
    #[error("the build has to run steps, which needs a user namespace")]
    NeedsNamespace,
    /// The work was asked to stop.
    #[error(transparent)]
    Canceled(#[from] Canceled),
}

/// What hands in a secret or an agent.
fn flag(what: &str, id: &str) -> String {
    if what == "ssh" { format!("--ssh {id}") } else { format!("--{what} id={id},…") }
}

impl Error {
    /// Wraps a system error: `.map_err(Error::io("open", path.display()))`.
    pub fn io<E: Into<io::Error>>(operation: &'static str, subject: impl std::fmt::Display) -> impl FnOnce(E) -> Self {
        let subject = subject.to_string();
        move |source| Self::Io { operation, subject, source: source.into() }
    }

    /// That of a word which names no container; `near` is a name that is much like it.
    pub(crate) fn no_container(name: &str, near: Option<&str>) -> Self {
        let hint = match near {
            Some(near) => format!("did you mean {near}?"),
            None => "rbuild ps -a lists the containers that there are".to_owned(),
        };
        Self::NoContainer { name: name.to_owned(), hint }
    }

    /// That of a container which cannot be read; `id` is the first digits of its id.
    pub(crate) fn damaged(id: &str, reason: impl Into<String>) -> Self {
        Self::Damaged { id: id.to_owned(), reason: reason.into() }
    }

    /// That of a Dockerfile which breaks rules that it makes errors.
    pub fn of_lint(linter: &Linter) -> Option<Self> {
        let rules: Vec<_> = linter.violated().into_iter().collect();
        (!rules.is_empty()).then_some(Self::Lint { rules })
    }

    /// The path, name or id that is at fault, where there is one.
    pub fn subject(&self) -> Option<&str> {
        match self {
            Self::NotFound { path, .. }
            | Self::NotADirectory { path }
            | Self::DirectoryOverFile { path }
            | Self::FileOverDirectory { path } => Some(path),
            Self::UnknownAccount { name, .. } | Self::NoContainer { name, .. } | Self::Unfit { name, .. } => Some(name),
            Self::NotGiven { id, .. } => Some(id),
            Self::Parse(dockerfile_parser::Error { kind: dockerfile_parser::ErrorKind::Pattern(pattern), .. }) => {
                Some(pattern)
            }
            Self::Runner(rbuild_runner::Error::Setup { operation, .. }) => operation.rsplit(' ').next(),
            _ => None,
        }
    }

    /// Whether the system says that there is no such file.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether a cache turned out not to have a layer any more, which can be made again.
    pub fn is_lost(&self) -> bool {
        lost::is_lost(self)
    }

    /// Whether this is the end of work that was asked to stop, at any depth.
    pub fn is_canceled(&self) -> bool {
        match self {
            Self::Canceled(_)
            | Self::Store(rbuild_store::Error::Canceled(_))
            | Self::Registry(rbuild_registry::Error::Canceled(_))
            | Self::Runner(rbuild_runner::Error::Canceled(_)) => true,
            Self::Records(error) => error.is_canceled(),
            Self::At { source, .. } => source.is_canceled(),
            _ => false,
        }
    }
}

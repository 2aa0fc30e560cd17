//! What can go wrong on disk: the operation, what it was done to, and the cause. Knows nothing of builds.

use rbuild_oci::Canceled;
use std::fmt::Display;
use std::io;

/// The result of every fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An operation on the store, a rootfs, a context or a layer that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused an operation.
    #[error("cannot {operation} {subject}: {source}")]
    Io {
        /// What was tried, as in "open" or "rename".
        operation: &'static str,
        /// What it was tried on: a path or a digest.
        subject: String,
        /// The system's answer.
        source: io::Error,
    },
    /// Something that should be there is not.
    #[error("{what} {subject} is not in the store")]
    Missing {
        /// The noun: "blob", "layer", "volume".
        what: &'static str,
        /// Its name or digest.
        subject: String,
    },
    /// Stored or given data that contradicts itself or its digest.
    #[error("{what} {subject} is damaged: {reason}")]
    Corrupt {
        /// The noun: "blob", "layer", "index".
        what: &'static str,
        /// Its name or digest.
        subject: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Input that is understood and refused: a hostile archive, a name that is in use, a newer format.
    #[error("{what} {subject} is refused: {reason}")]
    Refused {
        /// The noun: "archive entry", "volume", "store".
        what: &'static str,
        /// Its name.
        subject: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A file that changed between being looked at and being read.
    #[error("{subject} changed while it was read")]
    Changed {
        /// The file.
        subject: String,
    },
    /// A document of the OCI specifications that is wrong.
    #[error(transparent)]
    Oci(#[from] rbuild_oci::Error),
    /// The work was asked to stop.
    #[error(transparent)]
    Canceled(#[from] Canceled),
}

impl Error {
    /// Wraps a system error: `.map_err(Error::io("open", path.display()))`.
    pub fn io<E: Into<io::Error>>(operation: &'static str, subject: impl Display) -> impl FnOnce(E) -> Self {
        let subject = subject.to_string();
        move |source| Self::Io { operation, subject, source: source.into() }
    }
}

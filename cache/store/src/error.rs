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
    /// A layer that is known to be elsewhere and could not be had from there.
    #[error("layer {layer} is not in the store and cannot be had from {place}: {reason}")]
    Far {
        /// Its id.
        layer: String,
        /// Where it was noted to be.
        place: String,
        /// Why, in one line.
        reason: String,
        /// What may help.
        hint: String,
    },
    /// The same, of a layer that a cache had: it is not believed to be there any more, and can be made again.
    #[error("layer {layer} is not in {place} any more: {reason}")]
    Lost {
        /// Its id.
        layer: String,
        /// Where it was noted to be.
        place: String,
        /// Why, in one line.
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
    /// A volume driver that could not do what it was asked.
    #[error("volume driver {driver}: cannot {operation} {volume}: {reason}")]
    Driver {
        /// Its name.
        driver: String,
        /// What was tried, as in "create" or "mount".
        operation: &'static str,
        /// On which volume; "volumes" for all.
        volume: String,
        /// What it said, or what is wrong with it.
        reason: String,
    },
    /// A store with user data that only a newer rbuild can read.
    #[error("store {subject} is refused: its {found} was made by a newer rbuild, and this one knows {known}")]
    Newer {
        /// The store.
        subject: String,
        /// The bucket that is too new.
        found: String,
        /// The bucket as it is known here.
        known: &'static str,
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
    /// Whether a file or a directory on the way to it does not exist.
    pub fn is_not_found(&self) -> bool {
        use io::ErrorKind::{NotADirectory, NotFound};
        match self {
            Self::Io { source, .. } => matches!(source.kind(), NotFound | NotADirectory),
            Self::Missing { .. } => true,
            _ => false,
        }
    }

    /// Whether a name is taken.
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists)
    }

    /// Whether this user may not do it.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    }

    /// What the user can do about it, where the cause alone does not say.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Io { source, .. } => Self::hint_for(source),
            Self::Far { hint, .. } => Some(hint),
            Self::Newer { .. } => Some("use that rbuild, or another store with --root"),
            _ => None,
        }
    }

    /// Whether the system refused something for want of room.
    pub(crate) fn is_full(answer: &io::Error) -> bool {
        matches!(answer.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }

    /// What the user can do about an answer of the system to something that was tried in a store.
    pub fn hint_for(answer: &io::Error) -> Option<&'static str> {
        use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull, Unsupported};
        match answer.kind() {
            StorageFull | QuotaExceeded => Some("free space there, or use another store with --root"),
            ReadOnlyFilesystem => Some("the file system is read-only: use a store elsewhere with --root"),
            PermissionDenied => Some("check who owns it, or use a store of your own with --root"),
            Unsupported => Some("rbuild needs Linux 5.6 or later and a file system with links and renames"),
            _ => None,
        }
    }

    /// Wraps a system error: `.map_err(Error::io("open", path.display()))`.
    pub fn io<E: Into<io::Error>>(operation: &'static str, subject: impl Display) -> impl FnOnce(E) -> Self {
        let subject = subject.to_string();
        move |source| Self::Io { operation, subject, source: source.into() }
    }

    /// The same failure, said of a path of bytes: for callers that know more of it than the callee did.
    #[must_use]
    pub fn about(mut self, path: &[u8]) -> Self {
        if let Self::Io { subject, .. } = &mut self {
            *subject = String::from_utf8_lossy(path).into_owned();
        }
        self
    }
}

/// What an operation on a path gives where there is something; none where neither it nor the way to it exists.
pub fn if_there<T>(answer: io::Result<T>) -> io::Result<Option<T>> {
    match answer {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        other => other.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_can_mend_has_a_hint() {
        let hint = |errno: rustix::io::Errno| Error::io("write", "x")(errno).hint().unwrap_or_default().to_owned();
        assert!(hint(rustix::io::Errno::NOSPC).contains("free space"));
        assert!(hint(rustix::io::Errno::DQUOT).contains("free space"));
        assert!(hint(rustix::io::Errno::ROFS).contains("read-only"));
        assert!(hint(rustix::io::Errno::ACCESS).contains("who owns it"));
        assert_eq!(hint(rustix::io::Errno::IO), "");
        let newer = Error::Newer { subject: "/s".to_owned(), found: "refs.v9".to_owned(), known: "refs.v1" };
        assert!(newer.hint().is_some_and(|hint| hint.contains("--root")));
    }
}

//! What can go wrong with the build cache. A damaged or unreadable record is never an error: it counts as a miss.

use crate::depot::Depot;
use crate::key::CacheKey;
use std::fmt::Display;
use std::io;

/// The result of every fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A cache operation that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused to read or write a record.
    #[error("cannot {operation} the cache record {key} in {backend}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The record's key.
        key: CacheKey,
        /// The backend's name.
        backend: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The system refused to remove what is of no use any more.
    #[error("cannot tidy the cache records in {place}: {source}")]
    Tidy {
        /// Where they are.
        place: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The system refused to list the records.
    #[error("cannot list the cache records in {place}: {source}")]
    List {
        /// Where they are.
        place: String,
        /// The system's answer.
        source: io::Error,
    },
    /// A depot could not do what was asked.
    #[error("cannot {operation} {subject} in the cache {depot}: {reason}")]
    Depot {
        /// What was tried.
        operation: &'static str,
        /// With what: the name of a document, the digest of a blob.
        subject: String,
        /// Where.
        depot: String,
        /// Why it failed.
        reason: String,
    },
    /// A depot that nothing more is to be expected of now: it cannot be reached, says nothing, lets nobody in, is full.
    #[error("cannot {operation} {subject} in the cache {depot}: {reason}")]
    Away {
        /// What was tried.
        operation: &'static str,
        /// With what: the name of a document, the digest of a blob.
        subject: String,
        /// Where.
        depot: String,
        /// Why it failed.
        reason: String,
    },
    /// A key file that cannot be used.
    #[error("cannot use the key {path}: {reason}")]
    Key {
        /// The file.
        path: String,
        /// What is wrong with it, and what to do; never its content.
        reason: String,
    },
    /// A depot that is reached over the network did not do what was asked.
    #[error("the cache {depot}: {source}")]
    Network {
        /// Where.
        depot: String,
        /// What came of asking: unreachable, silent, refused, or wrong.
        source: Box<rbuild_registry::Error>,
    },
    /// A depot cannot be used as it is described.
    #[error("cannot use the cache type={kind}: {reason}")]
    Setting {
        /// The kind of depot.
        kind: &'static str,
        /// What is wrong, and what to do; never a secret.
        reason: String,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] rbuild_store::Error),
    /// What was before cannot be written down.
    #[error("cannot encode what was before the cache record {key}: {source}")]
    Trail {
        /// The record's key.
        key: CacheKey,
        /// What the encoder refused.
        source: rbuild_oci::Error,
    },
    /// A record that cannot be written down.
    #[error("cannot encode the cache record {key}: {source}")]
    Encode {
        /// The record's key.
        key: CacheKey,
        /// What JSON refused.
        source: serde_json::Error,
    },
}

impl Error {
    /// Whether this is the end of work that was asked to stop.
    pub fn is_canceled(&self) -> bool {
        match self {
            Self::Store(rbuild_store::Error::Canceled(_)) => true,
            Self::Network { source, .. } => matches!(**source, rbuild_registry::Error::Canceled(_)),
            _ => false,
        }
    }

    /// Whether whatever else is asked of the place will fail in the same way: it is not worth a second question.
    pub fn is_out_of_reach(&self) -> bool {
        match self {
            Self::Away { .. } => true,
            Self::Network { source, .. } => is_for_all(source),
            _ => false,
        }
    }

    /// What came of asking a depot over the network.
    pub(crate) fn network(depot: &dyn Depot, source: rbuild_registry::Error) -> Self {
        Self::Network { depot: depot.to_string(), source: Box::new(source) }
    }

    /// What a depot could not do, and why.
    pub(crate) fn depot(
        depot: &dyn Depot,
        operation: &'static str,
        subject: impl Display,
        reason: impl Display,
    ) -> Self {
        Self::Depot { operation, subject: subject.to_string(), depot: depot.to_string(), reason: reason.to_string() }
    }

    /// The same of a depot that nothing more is to be expected of.
    pub(crate) fn away(
        depot: &dyn Depot,
        operation: &'static str,
        subject: impl Display,
        reason: impl Display,
    ) -> Self {
        Self::Away { operation, subject: subject.to_string(), depot: depot.to_string(), reason: reason.to_string() }
    }
}

/// Whether whatever else is asked will fail in the same way.
pub(crate) fn is_for_all(error: &rbuild_registry::Error) -> bool {
    use rbuild_registry::Error as Fault;
    match error {
        Fault::Interrupted { source, .. } => {
            matches!(source.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
        }
        Fault::Mirrors { source, .. } => is_for_all(source),
        other => matches!(
            other,
            Fault::Offline { .. }
                | Fault::Unreachable { .. }
                | Fault::Tls { .. }
                | Fault::Unauthorized { .. }
                | Fault::Denied { .. }
                | Fault::TooManyRequests { .. }
                | Fault::Credentials { .. }
                | Fault::Setting { .. }
        ),
    }
}

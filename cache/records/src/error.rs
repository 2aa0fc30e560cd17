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
    /// What a depot could not do, and why.
    pub(crate) fn depot(
        depot: &dyn Depot,
        operation: &'static str,
        subject: impl Display,
        reason: impl Display,
    ) -> Self {
        Self::Depot { operation, subject: subject.to_string(), depot: depot.to_string(), reason: reason.to_string() }
    }
}

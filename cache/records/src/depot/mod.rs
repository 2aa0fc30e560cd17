//! Caches of other machines: what they can do, as one trait, and how they are wrapped. One file a kind of place; knows
//! neither steps nor what documents say.
//!
//! A depot keeps small *documents* under names and *blobs* under their digests. Each record is a document of its own, so
//! that many writers never lose each other's work; a blob is written before the document that speaks of it.

mod dir;
mod gha;
mod guarded;
mod inline;
mod joined;
mod line;
mod memory;
mod registry;
mod s3;
mod sealed;

pub use dir::{DirDepot, Trimmed};
pub use gha::{GhaDepot, GhaSettings};
pub use guarded::{Guarded, Patience};
pub use inline::{INLINE_FIELD, InlineDepot, embed, extract};
pub use joined::Joined;
pub use memory::MemoryDepot;
pub use rbuild_registry::Open;
pub use registry::{RegistryDepot, hurried, hurried_writing};
pub use s3::{Login, S3Depot, S3Settings};
pub use sealed::{Sealed, SigningKey, TrustedKey};

use crate::error::Result;
use crate::key::CacheKey;
use rbuild_oci::{Descriptor, Digest};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;

/// A place far away that keeps documents and blobs. All calls are safe from many threads and machines at once; what is
/// written is seen whole or not at all. [`Display`](fmt::Display) names the place for people, and shows no secret.
pub trait Depot: fmt::Display + Send + Sync {
    /// Whether there is a document of that name; costs no transfer of it.
    fn has(&self, name: &Name) -> Result<bool>;

    /// The document of that name, at most [`DOCUMENT_LIMIT`] bytes. What it says is checked by whoever reads it.
    fn document(&self, name: &Name) -> Result<Option<Vec<u8>>>;

    /// Keeps a document in place of any other of that name. The `blobs` that it speaks of were put before, and stay at
    /// least as long as it does.
    fn put_document(&self, name: &Name, bytes: &[u8], blobs: &[Descriptor]) -> Result<()>;

    /// Writes a blob to `sink` as it comes; false where it is not there. True only if size and digest were right: after
    /// an error `sink` holds a part of it, or something else. The memory does not grow with the size.
    fn pour(&self, blob: &Descriptor, sink: &mut dyn Write) -> Result<bool>;

    /// Keeps a blob; false where it was there. `open` gives its content, once for each attempt; content that is not what
    /// the descriptor says never becomes a blob.
    fn put(&self, blob: &Descriptor, open: &Open<'_>) -> Result<bool>;
}

/// Documents by their names.
pub type Documents = BTreeMap<Name, Vec<u8>>;

/// What a document may have in bytes.
pub const DOCUMENT_LIMIT: u64 = 4 << 20;

/// What documents are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A record, by its key.
    Record,
    /// A record whose layer nobody carried, by its key: enough to know what a step led to.
    Trace,
    /// The latest keys of a step, by what it is called.
    Step,
    /// The contents of a cache mount, by its identity.
    Mount,
}

impl Kind {
    /// All there are.
    pub(crate) const ALL: [Self; 4] = [Self::Record, Self::Trace, Self::Step, Self::Mount];

    /// The word that names begin with.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Trace => "trace",
            Self::Step => "step",
            Self::Mount => "mount",
        }
    }
}

/// The name of a document: `record-<64 hexadecimal characters>`. It is fit for a tag, a file and a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    kind: Kind,
    digest: Digest,
}

impl Name {
    /// The name of what `digest` stands for.
    pub const fn new(kind: Kind, digest: Digest) -> Self {
        Self { kind, digest }
    }

    /// The name in a text, as it is displayed; none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (word, hex) = text.split_once('-')?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word)?;
        Some(Self::new(kind, Digest::from_hex(hex).ok()?))
    }

    /// What it is of.
    pub const fn kind(&self) -> Kind {
        self.kind
    }
}

impl From<CacheKey> for Name {
    fn from(key: CacheKey) -> Self {
        Self::new(Kind::Record, key.digest())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.kind.word(), self.digest.hex())
    }
}

//! Writes a layer: entries with their bytes in, one tarball, its digests and its index out. Reads no file by itself.

use super::entry::Entry;
use super::index::LayerIndex;
use crate::error::Result;
use rbuild_oci::{Cancel, DiffId, Digest};
use std::fmt;
use std::io::{Read, Write};

/// The bytes of an entry.
pub enum Body<'a> {
    /// None: it is no regular file, or an empty one.
    None,
    /// These.
    Bytes(&'a [u8]),
    /// As many as the entry says; more or less of them is [`crate::Error::Changed`].
    Reader(&'a mut dyn Read),
}

/// Writes one uncompressed tarball to `W`, strictly forward. Equal input gives equal bytes.
pub struct LayerWriter<W> {
    out: W,
}

/// A finished tarball.
#[derive(Debug)]
pub struct Packed<W> {
    /// Where it was written to.
    pub out: W,
    /// The digest of the tarball.
    pub diff_id: DiffId,
    /// Its size in bytes.
    pub size: u64,
    /// What is in it. Its [`LayerIndex::timeless_digest`] tells layers that differ in times only.
    pub index: LayerIndex,
    /// [`LayerIndex::timeless_digest`] of the index.
    pub timeless: Digest,
}

impl<W: Write + Send + 'static> LayerWriter<W> {
    /// A writer of a tarball to `out`. Modification times later than `clamp`, in seconds, become that.
    pub fn new(out: W, clamp: Option<i64>, cancel: Cancel) -> Self {
        let _ = (clamp, cancel);
        Self { out }
    }

    /// Appends an entry. They come in the order of [`super::compare_paths`], each path once; the target of a hard link
    /// is a regular file, device or link that came before. A file's digest, if it is not
    /// [`super::FileData::UNREAD`], must turn out right, or the file counts as changed.
    pub fn add(&mut self, entry: Entry, body: Body<'_>) -> Result<()> {
        let _ = (entry, body);
        todo!()
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        todo!()
    }

    /// Ends the tarball.
    pub fn finish(self) -> Result<Packed<W>> {
        let _ = self.out;
        todo!()
    }
}

impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Reader(_) => f.write_str("Reader"),
        }
    }
}

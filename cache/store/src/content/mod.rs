//! Blobs by digest: the trait, and what can be done with any store of them. Knows no manifest and no layer.

mod disk;
mod memory;
mod verified;

pub use disk::DiskContent;
pub use memory::MemoryContent;
pub use verified::Verified;

use crate::error::{Error, Result};
use rbuild_oci::Digest;
use std::io::{self, Read, Seek, Write};

/// Keeps immutable bytes under their digest. Shared by threads and, on disk, by processes.
pub trait ContentStore: Send + Sync {
    /// The blob, for reading from its start; none if it is not here. Its bytes are not checked: see [`Verified`].
    fn open(&self, digest: &Digest) -> Result<Option<Box<dyn Blob>>>;

    /// The size of the blob in bytes; none if it is not here.
    fn size(&self, digest: &Digest) -> Result<Option<u64>>;

    /// Whether the blob is here.
    fn has(&self, digest: &Digest) -> Result<bool> {
        Ok(self.size(digest)?.is_some())
    }

    /// A new blob, to be written and then committed.
    fn writer(&self) -> Result<Box<dyn BlobWriter>>;

    /// Removes the blob; says whether it was here. Who reads it meanwhile is not disturbed.
    fn remove(&self, digest: &Digest) -> Result<bool>;

    /// The digests of all blobs, sorted.
    fn list(&self) -> Result<Vec<Digest>>;
}

/// An open blob.
pub trait Blob: Read + Seek + Send {}

impl<T: Read + Seek + Send> Blob for T {}

/// A blob being written. Nothing is visible before the commit, and nothing remains if it is dropped instead.
pub trait BlobWriter: Write + Send {
    /// Puts the blob in its place and gives its digest. With other content than `expected` it fails and leaves nothing.
    /// Fine if the blob is there already: the one that is there stays.
    fn commit(self: Box<Self>, expected: Option<&Digest>) -> Result<Digest>;
}

/// Stores these bytes and gives their digest; fine if they are there already, and then nothing is written.
pub fn put(store: &dyn ContentStore, bytes: &[u8]) -> Result<Digest> {
    let digest = Digest::of(bytes);
    if store.size(&digest)? == Some(bytes.len() as u64) {
        return Ok(digest);
    }
    let mut writer = store.writer()?;
    writer.write_all(bytes).map_err(Error::io("write blob", digest))?;
    writer.commit(Some(&digest))
}

/// The whole blob, checked against its digest; none if it is not here. For documents: one of more than `limit` bytes is
/// refused.
pub fn read(store: &dyn ContentStore, digest: &Digest, limit: u64) -> Result<Option<Vec<u8>>> {
    let Some(size) = store.size(digest)? else { return Ok(None) };
    if size > limit {
        let reason = format!("it has {size} bytes where at most {limit} make sense");
        return Err(Error::Refused { what: "blob", subject: digest.to_string(), reason });
    }
    let Some(blob) = store.open(digest)? else { return Ok(None) };
    let mut bytes = Vec::with_capacity(size as usize);
    match Verified::new(blob, *digest).read_to_end(&mut bytes) {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(damaged(digest, error.to_string())),
        Err(error) => Err(Error::io("read blob", digest)(error)),
    }
}

fn damaged(digest: &Digest, reason: String) -> Error {
    Error::Corrupt { what: "blob", subject: digest.to_string(), reason }
}

fn expect(found: Digest, expected: Option<&Digest>) -> Result<Digest> {
    match expected {
        Some(expected) if *expected != found => Err(damaged(expected, other_digest(&found))),
        _ => Ok(found),
    }
}

fn other_digest(found: &Digest) -> String {
    format!("its digest is {found}")
}

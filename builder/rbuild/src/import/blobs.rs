//! Content by digest, wherever it lies, and reading it with every byte checked. Knows no image.

use crate::error::{Error, Result};
use rbuild_oci::{Descriptor, Digest, Hasher};
use std::fmt::Debug;
use std::io::{self, Read};

/// The largest manifest, index or configuration that is read into memory, in bytes.
pub(super) const DOCUMENT_LIMIT: u64 = 16 << 20;

/// Content by digest. What it gives is checked by whoever reads it.
pub trait Blobs: Debug + Send + Sync {
    /// Opens the content behind a descriptor; nothing where it is not here.
    fn open(&self, blob: &Descriptor) -> Result<Option<Box<dyn Read + Send + '_>>>;

    /// Where the content lies, as people know it: a path or a registry.
    fn place(&self) -> String;
}

/// The whole of a small document, of the right size and digest; nothing where it is not there.
pub(super) fn document(blobs: &dyn Blobs, blob: &Descriptor) -> Result<Option<Vec<u8>>> {
    let Some(reader) = blobs.open(blob)? else { return Ok(None) };
    if blob.size > DOCUMENT_LIMIT {
        return Err(damaged(blobs, blob, format!("a document of {} bytes is more than is read", blob.size)));
    }
    let mut reader = Verified::new(reader, blob);
    let mut bytes = Vec::with_capacity(blob.size as usize);
    reader.read_to_end(&mut bytes).map_err(Error::io("read", format!("{} in {}", blob.digest, blobs.place())))?;
    Ok(Some(bytes))
}

/// The whole of a small document that has to be there.
pub(super) fn required_document(blobs: &dyn Blobs, blob: &Descriptor) -> Result<Vec<u8>> {
    document(blobs, blob)?.ok_or_else(|| missing(blobs, blob))
}

/// The error for content that should be there.
pub(super) fn missing(blobs: &dyn Blobs, blob: &Descriptor) -> Error {
    Error::NotFound { path: format!("{} ({})", blob.digest, blob.media_type), place: blobs.place(), hint: None }
}

/// The error for content that is not what it is called.
pub(super) fn damaged(blobs: &dyn Blobs, blob: &Descriptor, reason: impl Into<String>) -> Error {
    Error::Store(rbuild_store::Error::Corrupt {
        what: "blob",
        subject: format!("{} in {}", blob.digest, blobs.place()),
        reason: reason.into(),
    })
}

/// Reads content and fails at its end, with [`io::ErrorKind::InvalidData`], if it was not what the descriptor says.
pub(super) struct Verified<R> {
    source: R,
    wanted: Digest,
    left: u64,
    hasher: Option<Hasher>,
}

impl<R: Read> Verified<R> {
    /// Reads what `blob` describes from `source`.
    pub(super) fn new(source: R, blob: &Descriptor) -> Self {
        Self { source, wanted: blob.digest, left: blob.size, hasher: Some(Hasher::new()) }
    }

    fn end(&mut self) -> io::Result<usize> {
        if self.left > 0 {
            return Err(invalid(format!("it ends {} bytes before its size", self.left)));
        }
        match self.hasher.take().map(Hasher::finish) {
            Some(found) if found != self.wanted => Err(invalid(format!("its digest is {found}"))),
            _ => Ok(0),
        }
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.source.read(buffer)?;
        if count == 0 {
            return self.end();
        }
        self.left =
            self.left.checked_sub(count as u64).ok_or_else(|| invalid("it is larger than its size says".to_owned()))?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..count]);
        }
        Ok(count)
    }
}

fn invalid(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &[u8], blob: &Descriptor) -> std::result::Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        Verified::new(content, blob).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    #[test]
    fn only_the_very_bytes_pass() {
        let blob = Descriptor::of("text/plain", b"hello");
        assert_eq!(read(b"hello", &blob).unwrap(), b"hello");
        for (content, why) in [(&b"hullo"[..], "digest"), (b"hell", "before its size"), (b"hello!", "larger")] {
            assert!(read(content, &blob).unwrap_err().contains(why), "{why}");
        }
    }
}

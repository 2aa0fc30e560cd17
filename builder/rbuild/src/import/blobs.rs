//! Content by digest, wherever it lies, and reading it with every byte checked. Knows no image.

use crate::error::{Error, Result};
use rbuild_oci::Descriptor;
use rbuild_store::Store;
use rbuild_store::content::Verified;
use std::fmt::Debug;
use std::io::Read;

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
    if blob.size > Store::DOCUMENT_LIMIT {
        return Err(damaged(blobs, blob, format!("a document of {} bytes is more than is read", blob.size)));
    }
    let mut reader = Verified::of(reader, blob);
    let mut bytes = Vec::with_capacity(blob.size as usize);
    reader.read_to_end(&mut bytes).map_err(Error::io("read", format!("{} in {}", blob.digest, blobs.place())))?;
    Ok(Some(bytes))
}

/// The whole of a small document that has to be there.
pub(crate) fn required_document(blobs: &dyn Blobs, blob: &Descriptor) -> Result<Vec<u8>> {
    document(blobs, blob)?.ok_or_else(|| missing(blobs, blob))
}

/// The error for content that should be there.
pub(crate) fn missing(blobs: &dyn Blobs, blob: &Descriptor) -> Error {
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

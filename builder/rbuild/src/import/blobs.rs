//! Content by digest, wherever it lies, and reading it with every byte checked. Knows no image.

use crate::error::{Error, Result};
use rbuild_oci::Descriptor;
use rbuild_store::Store;
use rbuild_store::content::Verified;
use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Read, Seek, Write};

/// Bytes that are handled at once.
const PIECE: usize = 256 << 10;

/// Content by digest. What [`Blobs::open`] gives is checked by whoever reads it.
pub trait Blobs: Debug + Send + Sync {
    /// Opens the content behind a descriptor; nothing where it is not here.
    fn open(&self, blob: &Descriptor) -> Result<Option<Box<dyn Read + Send + '_>>>;

    /// Writes the content behind a descriptor to `sink` as it comes, in pieces of at most a MiB; false where it is not
    /// here. True only if size and digest were right: after an error `sink` holds a part of it, or something else. The
    /// memory does not grow with the size.
    fn pour(&self, blob: &Descriptor, sink: &mut dyn Write) -> Result<bool> {
        let Some(reader) = self.open(blob)? else { return Ok(false) };
        let (mut reader, mut buffer) = (Verified::of(reader, blob), vec![0; PIECE]);
        let name = || format!("{} in {}", blob.digest, self.place());
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(true),
                Ok(count) => sink.write_all(&buffer[..count]).map_err(Error::io("keep", name()))?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    return Err(wrong(&self.place(), blob, error.to_string()));
                }
                Err(error) => return Err(Error::io("read", name())(error)),
            }
        }
    }

    /// Where the content lies, as people know it: a path or a registry.
    fn place(&self) -> String;

    /// Whether layers can be had from here later on.
    fn later(&self) -> Later {
        Later::Never
    }
}

/// How layers can be had once something reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Later {
    /// Not at all: they are to be taken now.
    Never,
    /// As far as the store has notes of where they are.
    Noted,
    /// From the place that this text stands for in such notes.
    From(String),
}

/// The content behind a descriptor, poured into an unfinished file of the store that is gone once it was read.
pub(crate) fn spooled(blobs: &dyn Blobs, blob: &Descriptor, store: &Store) -> Result<Option<File>> {
    let file = store.tmp_file()?;
    if !blobs.pour(blob, &mut file.file())? {
        return Ok(None);
    }
    let mut copy = file.file().try_clone().map_err(Error::io("open", file.path().display()))?;
    copy.rewind().map_err(Error::io("read", file.path().display()))?;
    Ok(Some(copy))
}

/// The whole of a small document, of the right size and digest; nothing where it is not there.
pub(super) fn document(blobs: &dyn Blobs, blob: &Descriptor) -> Result<Option<Vec<u8>>> {
    if blob.size > Store::DOCUMENT_LIMIT {
        return Err(damaged(blobs, blob, format!("a document of {} bytes is more than is read", blob.size)));
    }
    let mut bytes = Vec::new();
    Ok(blobs.pour(blob, &mut bytes)?.then_some(bytes))
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
    wrong(&blobs.place(), blob, reason.into())
}

fn wrong(place: &str, blob: &Descriptor, reason: String) -> Error {
    Error::Store(rbuild_store::Error::Corrupt { what: "blob", subject: format!("{} in {place}", blob.digest), reason })
}

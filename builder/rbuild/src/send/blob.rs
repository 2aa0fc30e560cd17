//! Content of an image on its way out: a document at hand or a file of the store, checked as it is copied. Knows no
//! form of output.

use crate::error::{Error, Result};
use rbuild_oci::{Cancel, Descriptor, DiffId, Digest, Hasher};
use rbuild_store::content::{ContentStore, DiskContent};
use rbuild_store::layer::Codec;
use rbuild_store::{Encoded, FarBlob, Layers};
use std::io::{Cursor, Read, Write};

/// Bytes that are copied at once, and how often a stop is looked for.
const CHUNK: usize = 64 << 10;

/// Content by its descriptor.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    /// What it is, its digest and its size.
    pub(crate) descriptor: Descriptor,
    /// Where its bytes are.
    pub(super) source: Source,
}

/// Where bytes are.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// Here.
    Bytes(Vec<u8>),
    /// Among the store's blobs.
    Stored(DiskContent),
    /// Among its compressed layers: one that turns out damaged is forgotten, and made again next time.
    Encoded(Encoded, DiffId, Codec),
    /// Where it goes, if it can go there at all.
    There,
    /// Elsewhere.
    Far(Layers, DiffId, Box<FarBlob>),
}

impl Blob {
    /// A document.
    pub(crate) fn document(media_type: &str, bytes: Vec<u8>) -> Self {
        Self { descriptor: Descriptor::of(media_type, &bytes), source: Source::Bytes(bytes) }
    }

    /// Opens it; what it gives is not verified.
    pub(crate) fn open(&self) -> Result<Box<dyn Read + Send>> {
        let digest = self.descriptor.digest;
        Ok(match &self.source {
            Source::Bytes(bytes) => Box::new(Cursor::new(bytes.clone())),
            Source::Stored(content) => content.open(&digest)?.ok_or_else(|| gone(&digest))?,
            Source::Encoded(encoded, layer, codec) => Box::new(encoded.open(layer, *codec)?),
            Source::There => return Err(gone(&digest)),
            Source::Far(layers, layer, far) => layers.open_far(layer, far)?,
        })
    }

    /// Reads all of it; bytes that are not what the descriptor says are an error.
    pub(crate) fn verify(&self, cancel: &Cancel) -> Result<()> {
        self.copy_verified(&mut std::io::sink(), "nowhere", cancel)
    }

    /// Writes all of it to `out`, which errors call `to`. Bytes that are not what the descriptor says are an error; what
    /// this process has just made is taken as it was then, for as long as its metadata are the same.
    pub(crate) fn copy(&self, out: &mut dyn Write, to: &str, cancel: &Cancel) -> Result<()> {
        if let Source::Bytes(bytes) = &self.source {
            return out.write_all(bytes).map_err(Error::io("write", to));
        }
        if let Source::Encoded(encoded, layer, codec) = &self.source {
            let mut file = encoded.open(layer, *codec)?;
            if encoded.is_own(layer, *codec, &file) {
                return pass(&mut file, &self.descriptor.digest.to_string(), out, to, cancel, &mut |_| ());
            }
        }
        self.copy_verified(out, to, cancel)
    }

    fn copy_verified(&self, out: &mut dyn Write, to: &str, cancel: &Cancel) -> Result<()> {
        let Descriptor { digest, size, .. } = self.descriptor;
        let found = copy(&mut self.open()?.take(size + 1), &digest.to_string(), out, to, cancel)?;
        if found == (digest, size) { Ok(()) } else { Err(self.damaged(&found.0)) }
    }

    fn damaged(&self, found: &Digest) -> Error {
        let reason = match &self.source {
            Source::Encoded(encoded, layer, codec) if encoded.forget(layer, *codec).is_ok() => {
                format!("its digest is {found}; it was removed and will be made again next time")
            }
            _ => format!("its digest is {found}"),
        };
        let subject = self.descriptor.digest.to_string();
        Error::Store(rbuild_store::Error::Corrupt { what: "blob", subject, reason })
    }
}

fn gone(digest: &Digest) -> Error {
    rbuild_store::Error::Missing { what: "blob", subject: digest.to_string() }.into()
}

/// Copies all that `source` has and gives its digest and size; errors call the two sides `from` and `to`.
pub(crate) fn copy(
    source: &mut dyn Read,
    from: &str,
    out: &mut dyn Write,
    to: &str,
    cancel: &Cancel,
) -> Result<(Digest, u64)> {
    let (mut hasher, mut size) = (Hasher::new(), 0);
    pass(source, from, out, to, cancel, &mut |bytes| {
        hasher.update(bytes);
        size += bytes.len() as u64;
    })?;
    Ok((hasher.finish(), size))
}

/// Copies all that `source` has, and shows it to `see`.
fn pass(
    source: &mut dyn Read,
    from: &str,
    out: &mut dyn Write,
    to: &str,
    cancel: &Cancel,
    see: &mut dyn FnMut(&[u8]),
) -> Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        cancel.check()?;
        let count = match source.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            other => other.map_err(Error::io("read", from))?,
        };
        see(&buffer[..count]);
        out.write_all(&buffer[..count]).map_err(Error::io("write", to))?;
    }
}

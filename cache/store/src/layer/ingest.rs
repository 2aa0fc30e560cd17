//! Takes in a layer as a registry or an image layout has it: verified, decompressed, hashed and indexed in one pass.
//! Knows bytes in and bytes out; where they are kept is the caller's.

use super::codec::decompress;
use super::index::LayerIndex;
use super::read::{Limits, pump};
use super::scan::{Nowhere, scan};
use crate::error::{Error, Result};
use rbuild_oci::{Cancel, Descriptor, DiffId, Hasher};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A layer that was taken in.
#[derive(Debug)]
pub struct Ingested {
    /// The digest of the uncompressed tarball.
    pub diff_id: DiffId,
    /// Its size in bytes.
    pub size: u64,
    /// What is in it.
    pub index: LayerIndex,
}

/// Reads a blob that holds a layer, in any compression that is known by its first bytes, and writes the uncompressed
/// tarball to `out`. The blob must be what `expected` says, and the tarball what `diff_id` says, if that is known: only
/// then is what was written to be kept.
pub fn ingest(
    blob: &mut (dyn Read + Send),
    expected: &Descriptor,
    diff_id: Option<&DiffId>,
    out: &mut (dyn Write + Send),
    limits: Limits,
    cancel: &Cancel,
) -> Result<Ingested> {
    let read = Arc::new(AtomicU64::new(0));
    let mut verified = Verified { blob, read: Arc::clone(&read), size: expected.size, hasher: Hasher::new() };
    let name = expected.digest.to_string();
    let (_, mut plain) = decompress(&mut verified)?;
    let mut written = 0;
    let mut keep = |chunk: &[u8]| {
        written += chunk.len() as u64;
        limits.check_ratio(written, read.load(Ordering::Relaxed))?;
        out.write_all(chunk).map_err(Error::io("write", "the layer"))
    };
    let consume = |tarball: &mut dyn Read| scan(tarball, &mut Nowhere, limits, cancel);
    let (index, pumped) = pump(&mut *plain, &mut keep, cancel, consume).map_err(|error| about(error, &name))?;
    drop(plain);
    verified.finish(expected, cancel)?;
    let found = DiffId(pumped.digest);
    match diff_id {
        Some(wanted) if *wanted != found => {
            Err(damaged(expected, format!("it unpacks to {found}, the image says {wanted}")))
        }
        _ => Ok(Ingested { diff_id: found, size: pumped.size, index }),
    }
}

/// A blob that is hashed and counted as it is read, and never gives more than it should have.
struct Verified<'a> {
    blob: &'a mut (dyn Read + Send),
    read: Arc<AtomicU64>,
    size: u64,
    hasher: Hasher,
}

impl Verified<'_> {
    /// Reads what the decoder left and compares all with the descriptor.
    fn finish(mut self, expected: &Descriptor, cancel: &Cancel) -> Result<()> {
        let mut rest = vec![0; 64 << 10];
        while self.read(&mut rest).map_err(Error::io("read", expected.digest))? > 0 {
            cancel.check()?;
        }
        let size = self.read.load(Ordering::Relaxed);
        if size != self.size {
            return Err(damaged(expected, format!("it has {size} bytes, its descriptor says {}", self.size)));
        }
        let found = self.hasher.finish();
        if found == expected.digest { Ok(()) } else { Err(damaged(expected, format!("its content is {found}"))) }
    }
}

impl Read for Verified<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.blob.read(into)?;
        self.hasher.update(&into[..count]);
        let before = self.read.fetch_add(count as u64, Ordering::Relaxed);
        if before + count as u64 > self.size {
            return Err(io::Error::other(format!("it has more than the {} bytes of its descriptor", self.size)));
        }
        Ok(count)
    }
}

/// The same failure, said of the blob where it was said of an archive.
fn about(error: Error, name: &str) -> Error {
    match error {
        Error::Refused { what: what @ "archive", reason, .. } => {
            Error::Refused { what, subject: name.to_owned(), reason }
        }
        Error::Io { operation: "read", source, .. } => {
            Error::Io { operation: "read", subject: name.to_owned(), source }
        }
        other => other,
    }
}

fn damaged(expected: &Descriptor, reason: String) -> Error {
    Error::Corrupt { what: "layer", subject: expected.digest.to_string(), reason }
}

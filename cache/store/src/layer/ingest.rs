//! Takes in a layer as a registry or an image layout has it: decompressed, hashed and indexed in one pass. Knows bytes in
//! and bytes out; whether the blob is the right one, and where the tarball is kept, are the caller's.

use super::codec::decompress;
use super::index::LayerIndex;
use super::read::{Limits, pump};
use super::scan::scan;
use crate::error::{Error, Result};
use rbuild_oci::{Cancel, DiffId};
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

/// Reads a blob that holds a layer, in any compression that is known by its first bytes, of any number of gzip members or
/// zstd frames, to its end, and writes the uncompressed tarball to `out`. One that is larger than `limits` allow for the
/// bytes read so far is refused. The memory does not depend on the size of the blob: some MiB, and the window that a
/// zstd frame asks for, at most 128 MiB.
pub fn ingest(
    blob: impl Read + Send,
    out: &mut (dyn Write + Send),
    limits: Limits,
    cancel: &Cancel,
) -> Result<Ingested> {
    let read = Arc::new(AtomicU64::new(0));
    let (_, mut plain) = decompress(Counted { blob, read: Arc::clone(&read) })?;
    let mut written = 0;
    let mut keep = |chunk: &[u8]| {
        written += chunk.len() as u64;
        limits.check_ratio(written, read.load(Ordering::Relaxed))?;
        out.write_all(chunk).map_err(Error::io("write", "the layer"))
    };
    let consume = |tarball: &mut dyn Read| scan(tarball, limits, cancel);
    let (scanned, pumped) = pump(&mut *plain, &mut keep, cancel, consume)?;
    Ok(Ingested { diff_id: DiffId(pumped.digest), size: pumped.size, index: scanned.index })
}

/// A blob that is counted as it is read.
struct Counted<R> {
    blob: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.blob.read(into)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

//! Reads a source on a thread of its own, which hashes what it reads and may keep a copy, while the caller works on
//! what was read before. Knows nothing of what the bytes are.

use crate::error::{Error, Result};
use crate::layer::fill;
use rbuild_oci::{Cancel, Digest, Hasher};
use std::io::{ErrorKind, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes per chunk.
const CHUNK: usize = 128 << 10;

/// Chunks on the way between the threads.
const AHEAD: usize = 3;

/// What went through.
#[derive(Clone, Copy, Debug)]
pub(in crate::layer) struct Pumped {
    pub(in crate::layer) digest: Digest,
    pub(in crate::layer) size: u64,
}

/// Gives `consume` a reader of all that `source` has, and every chunk to `keep`. An error of the source or of `keep` is
/// the result, whatever `consume` makes of the bytes that are missing then.
pub(in crate::layer) fn pump<T>(
    source: &mut (dyn Read + Send),
    keep: &mut (dyn FnMut(&[u8]) -> Result<()> + Send),
    cancel: &Cancel,
    consume: impl FnOnce(&mut dyn Read) -> Result<T>,
) -> Result<(T, Pumped)> {
    let (full, chunks) = sync_channel(AHEAD);
    let (back, empty) = sync_channel(AHEAD + 2);
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || read_all(source, keep, cancel, &full, &empty));
        let consumed = consume(&mut Chunks { full: chunks, back, now: Vec::new(), at: 0 });
        let gone = |_| Error::io("read", "the archive")(std::io::Error::from(ErrorKind::BrokenPipe));
        match reading.join().map_err(gone)? {
            Ok(Some(pumped)) => Ok((consumed?, pumped)),
            Ok(None) => consumed.and_then(|_| Err(gone(Box::new(())))),
            Err(error) => Err(error),
        }
    })
}

/// Reads to the end; none if nobody wants the bytes any more.
fn read_all(
    source: &mut (dyn Read + Send),
    keep: &mut (dyn FnMut(&[u8]) -> Result<()> + Send),
    cancel: &Cancel,
    full: &SyncSender<Vec<u8>>,
    empty: &Receiver<Vec<u8>>,
) -> Result<Option<Pumped>> {
    let (mut hasher, mut size) = (Hasher::new(), 0);
    loop {
        cancel.check()?;
        let mut chunk = empty.try_recv().unwrap_or_default();
        chunk.resize(CHUNK, 0);
        let count = fill(source, &mut chunk).map_err(Error::io("read", "the archive"))?;
        chunk.truncate(count);
        hasher.update(&chunk);
        keep(&chunk)?;
        size += count as u64;
        if count == 0 {
            return Ok(Some(Pumped { digest: hasher.finish(), size }));
        }
        if full.send(chunk).is_err() {
            return Ok(None);
        }
    }
}

/// What the thread has read.
struct Chunks {
    full: Receiver<Vec<u8>>,
    back: SyncSender<Vec<u8>>,
    now: Vec<u8>,
    at: usize,
}

impl Read for Chunks {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.now.len() {
            let Ok(next) = self.full.recv() else { return Ok(0) };
            // The thread may have ended and want none back.
            drop(self.back.try_send(std::mem::replace(&mut self.now, next)));
            self.at = 0;
        }
        let count = into.len().min(self.now.len() - self.at);
        into[..count].copy_from_slice(&self.now[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

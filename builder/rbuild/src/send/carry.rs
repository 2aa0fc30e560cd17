//! Blobs on their way, several at once: each is made ready and sent on the same thread, so that the first is under way
//! while the next is still compressed. Knows no document.

use super::walk::Walk;
use super::{Freight, Open};
use crate::error::{Error, Result};
use crate::import::missing;
use rbuild_oci::{Canceled, Descriptor};
use std::io::{self, Read};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

impl Walk<'_> {
    /// Sends these blobs, at most as many at once as was said, and begins them in this order. Gives what was sent for
    /// each. The first failure keeps the others from beginning, stops those that are under way, and is the result.
    pub fn carry(&self, freight: &[Freight]) -> Result<Vec<Descriptor>> {
        let (next, failed) = (AtomicUsize::new(0), OnceLock::new());
        let work = || {
            let mut sent = Vec::new();
            while failed.get().is_none() {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(piece) = freight.get(at) else { break };
                match self.send_blob(piece, &failed) {
                    Ok(blob) => sent.push((at, blob)),
                    // Whatever fails after the first may do so because of it.
                    Err(error) => drop(failed.set(error)),
                }
            }
            sent
        };
        let threads = self.at_once.clamp(1, freight.len().max(1));
        let mut sent = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let join = |worker: thread::ScopedJoinHandle<'_, _>| worker.join().map_err(|_| Error::Canceled(Canceled));
            workers.into_iter().map(join).collect::<Result<Vec<_>>>()
        })?
        .concat();
        failed.into_inner().map_or(Ok(()), Err)?;
        sent.sort_by_key(|(at, _)| *at);
        Ok(sent.into_iter().map(|(_, blob)| blob).collect())
    }

    fn send_blob(&self, piece: &Freight, failed: &Failure) -> Result<Descriptor> {
        self.cancel.check()?;
        if let Some(layer) = piece.layer.filter(|_| piece.anew) {
            loop {
                let packed = self.repack.layer(&piece.blob, &layer)?;
                match self.place(piece, packed.blob, &*packed.open, failed) {
                    Err(_) if failed.get().is_none() && self.repack.failed(&piece.blob, &layer) => {}
                    placed => return placed,
                }
            }
        }
        let open = || self.from.open(&piece.blob)?.ok_or_else(|| missing(self.from, &piece.blob));
        self.place(piece, piece.blob.clone(), &open, failed)
    }

    fn place(&self, piece: &Freight, blob: Descriptor, open: &Open<'_>, failed: &Failure) -> Result<Descriptor> {
        let open = || match failed.get() {
            Some(_) => Err(Error::Canceled(Canceled)),
            None => Ok(Box::new(Stopping { source: open()?, failed }) as Box<dyn Read + Send>),
        };
        let placed = self.to.blob(&blob, &open)?;
        (self.told)(piece, &blob, &placed);
        Ok(blob)
    }
}

/// The first failure, once there is one.
type Failure = OnceLock<Error>;

/// A blob that is read until another one fails.
struct Stopping<'a> {
    source: Box<dyn Read + Send + 'a>,
    failed: &'a Failure,
}

impl Read for Stopping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.failed.get() {
            Some(_) => Err(io::Error::other(Canceled)),
            None => self.source.read(buffer),
        }
    }
}

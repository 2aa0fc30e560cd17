//! Blobs on their way, several at once: each is made ready and sent on the same thread, so that the first is under way
//! while the next is still compressed. Knows no document.

use super::walk::Walk;
use super::{Freight, Open};
use crate::error::{Error, Result};
use crate::import::missing;
use rbuild_oci::{Canceled, Descriptor};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

impl Walk<'_> {
    /// Sends these blobs, at most as many at once as was said, and begins them in this order. Gives what was sent for
    /// each. The first failure keeps the others from beginning.
    pub fn carry(&self, freight: &[Freight]) -> Result<Vec<Descriptor>> {
        let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let work = || {
            let mut sent = Vec::new();
            while !failed.load(Ordering::Relaxed) {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(piece) = freight.get(at) else { break };
                let result = self.send_blob(piece);
                failed.fetch_or(result.is_err(), Ordering::Relaxed);
                sent.push((at, result?));
            }
            Ok(sent)
        };
        let threads = self.at_once.clamp(1, freight.len().max(1));
        let parts = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let join =
                |worker: thread::ScopedJoinHandle<'_, _>| worker.join().unwrap_or(Err(Error::Canceled(Canceled)));
            workers.into_iter().map(join).collect::<Vec<_>>()
        });
        let mut sent = Vec::new();
        for part in parts {
            sent.extend(part?);
        }
        sent.sort_by_key(|(at, _)| *at);
        Ok(sent.into_iter().map(|(_, blob)| blob).collect())
    }

    fn send_blob(&self, piece: &Freight) -> Result<Descriptor> {
        self.cancel.check()?;
        if let Some(layer) = piece.layer.filter(|_| piece.anew) {
            let packed = self.repack.layer(&piece.blob, &layer)?;
            let placed = self.place(piece, packed.blob, &*packed.open);
            return placed.inspect_err(|_| self.repack.failed(&piece.blob, &layer));
        }
        let open = || self.from.open(&piece.blob)?.ok_or_else(|| missing(self.from, &piece.blob));
        self.place(piece, piece.blob.clone(), &open)
    }

    fn place(&self, piece: &Freight, blob: Descriptor, open: &Open<'_>) -> Result<Descriptor> {
        let placed = self.to.blob(&blob, open)?;
        (self.told)(piece, &blob, &placed);
        Ok(blob)
    }
}

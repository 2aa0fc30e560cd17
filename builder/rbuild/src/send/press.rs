//! The store's layers compressed on their way out, as outputs of builds have them; what was compressed once is kept.
//! Knows no place.

use super::blob::Blob;
use super::layers::{Packing, ready, there};
use super::{Packed, Repack};
use crate::error::Result;
use rbuild_oci::{Cancel, Descriptor, DiffId, Manifest};
use rbuild_store::Store;
use std::collections::BTreeSet;
use std::io::Read;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Layers from this many bytes on are compressed one after the other, each by all processors, while others are sent.
const LARGE: u64 = 1 << 20;

/// Compresses layers. Images all of whose layers lie uncompressed in the store, as built ones do, are packed anew; others
/// are as they were written somewhere, and stay so unless that is asked for.
#[derive(Debug)]
pub struct Press<'a> {
    store: &'a Store,
    cancel: &'a Cancel,
    packing: Packing,
    force: bool,
    busy: Mutex<()>,
    /// Layers whose blobs, as they came here, are not where they are to go.
    absent: Mutex<BTreeSet<DiffId>>,
}

impl<'a> Press<'a> {
    /// That of a store: layers become what `packing` says, with `force` also those of images that are compressed already.
    pub(crate) fn new(store: &'a Store, cancel: &'a Cancel, packing: Packing, force: bool) -> Self {
        Self { store, cancel, packing, force, busy: Mutex::default(), absent: Mutex::default() }
    }

    fn absent(&self) -> MutexGuard<'_, BTreeSet<DiffId>> {
        self.absent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a blob is named only because its layer was elsewhere when the image was built.
    fn is_far(&self, (blob, layer): (&Descriptor, &DiffId)) -> bool {
        let far = self.store.layers().far(layer).ok().flatten().unwrap_or_default();
        far.blobs.iter().any(|far| far.blob.digest == blob.digest)
    }

    /// The layer's blob, found or made: the one that it came in, as long as nobody says that this is not there.
    pub(crate) fn blob(&self, blob: &Descriptor, layer: &DiffId) -> Result<Blob> {
        if !self.absent().contains(layer)
            && let Some(found) = there(self.store, layer, self.packing)?
        {
            return Ok(found);
        }
        let _turn = (blob.size >= LARGE).then(|| self.busy.lock().unwrap_or_else(PoisonError::into_inner));
        ready(self.store, self.cancel, layer, self.packing)
    }
}

impl Repack for Press<'_> {
    fn applies(&self, manifest: &Manifest, layers: &[DiffId]) -> bool {
        let pairs = || manifest.layers.iter().zip(layers);
        let is_plain = |(blob, layer): (&Descriptor, &DiffId)| blob.digest == layer.0;
        let is_built = || pairs().any(is_plain) && pairs().all(|pair| is_plain(pair) || self.is_far(pair));
        self.packing.compresses() && (layers.is_empty() || is_built()) || self.force
    }

    fn layer(&self, blob: &Descriptor, layer: &DiffId) -> Result<Packed<'_>> {
        let blob = self.blob(blob, layer)?;
        let descriptor = blob.descriptor.clone();
        let open = move || Ok(Box::new(blob.open()?) as Box<dyn Read + Send>);
        Ok(Packed { blob: descriptor, open: Box::new(open) })
    }

    fn failed(&self, blob: &Descriptor, layer: &DiffId) -> bool {
        let tried = !self.absent().contains(layer) && matches!(there(self.store, layer, self.packing), Ok(Some(_)));
        if tried {
            return self.absent().insert(*layer);
        }
        if let Ok(blob) = self.blob(blob, layer) {
            // The failure that brought us here is the one to tell.
            drop(blob.verify(self.cancel));
        }
        false
    }
}

//! Brings the layers of a found image into the store. Knows no image's name.

use super::blobs::{damaged, missing};
use super::found::Found;
use crate::error::Result;
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};
use rbuild_oci::{Cancel, Descriptor, DiffId};
use rbuild_store::Store;
use rbuild_store::content::Verified;
use rbuild_store::layer::LayerRef;
use std::io::{self, Read};

/// Told how many bytes of a layer were read so far, at each MiB and at its end, from several threads.
pub type Progress<'a> = dyn Fn(&Descriptor, u64) + Sync + 'a;

/// The layers of an image, lowest first, all in the store with their indexes afterwards. Only those that are not there
/// yet are read, several at once; every byte is checked against the digests of the manifest and the configuration.
pub fn fetch_layers(found: &Found, store: &Store, cancel: &Cancel, progress: &Progress<'_>) -> Result<Vec<LayerRef>> {
    let ids = &found.config.rootfs.diff_ids;
    // Most often all are here: then no threads are started.
    if let Some(layers) = ids.iter().map(|id| store.layers().get(id)).collect::<rbuild_store::Result<_>>()? {
        return Ok(layers);
    }
    let layers = found.manifest.layers.par_iter().zip(ids);
    layers.map(|(blob, diff_id)| fetch(found, store, (blob, diff_id), cancel, progress)).collect()
}

/// Whether all layers of an image are in the store.
pub fn has_layers(found: &Found, store: &Store) -> Result<bool> {
    for diff_id in &found.config.rootfs.diff_ids {
        if store.layers().get(diff_id)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn fetch(
    found: &Found,
    store: &Store,
    (blob, diff_id): (&Descriptor, &DiffId),
    cancel: &Cancel,
    progress: &Progress<'_>,
) -> Result<LayerRef> {
    if let Some(layer) = store.layers().get(diff_id)? {
        return Ok(layer);
    }
    let reader = found.blobs.open(blob)?.ok_or_else(|| missing(&*found.blobs, blob))?;
    let reader = Told { source: Verified::of(reader, blob), blob, read: 0, progress };
    store.layers().ingest(reader, diff_id, cancel).map_err(|error| match error {
        rbuild_store::Error::Io { source, .. } if source.kind() == io::ErrorKind::InvalidData => {
            damaged(&*found.blobs, blob, source.to_string())
        }
        other => other.into(),
    })
}

/// Tells how far reading is.
struct Told<'a, R> {
    source: R,
    blob: &'a Descriptor,
    read: u64,
    progress: &'a Progress<'a>,
}

impl<R: Read> Read for Told<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (count, before) = (self.source.read(buffer)?, self.read);
        self.read += count as u64;
        if count > 0 && (self.read >> 20 > before >> 20 || self.read == self.blob.size) {
            (self.progress)(self.blob, self.read);
        }
        Ok(count)
    }
}

//! Keeps a found image in the store, under names: documents and blobs as they were written, layers with their indexes.
//! Knows nothing of where the image comes from.

use super::blobs::{damaged, missing};
use super::found::Found;
use super::layers::{Progress, fetch_layers};
use super::local::Nearest;
use crate::error::{Error, Result};
use crate::image;
use rbuild_oci::{Cancel, Canceled, Descriptor, Digest, ImageId, Reference, Timestamp};
use rbuild_store::content::{ContentStore, Verified};
use rbuild_store::{Store, durable};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// An image, or several for different platforms, as it is to be kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What names will point at: the one image's manifest, or an index of them.
    pub target: Descriptor,
    /// The documents between the target and the manifests: indexes.
    pub indexes: Vec<Vec<u8>>,
    /// Further blobs that belong to it and are kept as they are: statements about images, and what they say. They are
    /// where the images are.
    pub more: Vec<Descriptor>,
    /// The images, one a platform; never none.
    pub images: Vec<Found>,
}

impl Kept {
    /// One image.
    pub fn one(found: Found) -> Self {
        Self { target: found.descriptor.clone(), indexes: Vec::new(), more: Vec::new(), images: vec![found] }
    }
}

/// Brings images into the store so that nothing of them is missing, also as other tools read the store, and then points
/// `names` at them. What is there already is not read again. Nothing is visible before all of it is on the disk.
pub fn keep(
    kept: &Kept,
    names: &[Reference],
    store: &Store,
    now: Timestamp,
    (cancel, progress): (&Cancel, &Progress<'_>),
) -> Result<()> {
    let mut needed = Vec::new();
    for found in &kept.images {
        needed.extend(blobs_as_they_are(found, store, cancel)?);
        let near = Found { blobs: Arc::new(Nearest::new(store, &found.blobs)), ..found.clone() };
        let layers = fetch_layers(&near, store, cancel, progress)?;
        needed.extend(layers.iter().map(|layer| store.layer_index_path(&layer.diff_id)));
        needed.extend(layers.iter().map(|layer| store.blob_path(&layer.diff_id.0)));
        needed.extend(documents(found, store)?);
    }
    for bytes in &kept.indexes {
        needed.push(store.blob_path(&store.put_document(bytes)?));
    }
    if let Some(found) = kept.images.first() {
        for blob in &kept.more {
            if !store.content().has(&blob.digest)? {
                copy(found, blob, store, cancel)?;
            }
        }
        needed.extend(kept.more.iter().map(|blob| store.blob_path(&blob.digest)));
    }
    durable::sync_batch(&needed)?;
    let tags: Vec<_> = names.iter().map(|name| (name.clone(), kept.target.clone())).collect();
    Ok(store.refs().set(&tags, now)?)
}

/// Keeps manifest, configuration, and those of the images that end at earlier lines of its history.
fn documents(found: &Found, store: &Store) -> Result<Vec<PathBuf>> {
    let earlier = image::earlier(&found.config)?;
    let own = [&found.manifest_bytes, &found.config_bytes];
    let all = earlier.iter().map(|image| &image.config_bytes).chain(own);
    let digests = all.map(|bytes| Ok(store.put_document(bytes)?)).collect::<Result<Vec<Digest>>>()?;
    let id = ImageId(found.manifest.config.digest);
    let rows: Vec<ImageId> = earlier.iter().map(|image| image.id).chain([id]).collect();
    store.history().put(&id, &rows)?;
    Ok(digests.iter().map(|digest| store.blob_path(digest)).collect())
}

/// Transfers at once.
const TRANSFERS: usize = 4;

/// Keeps the layers' blobs as the manifest names them, several at once; an uncompressed one is there once its layer is.
fn blobs_as_they_are(found: &Found, store: &Store, cancel: &Cancel) -> Result<Vec<PathBuf>> {
    let layers = found.manifest.layers.iter().zip(&found.config.rootfs.diff_ids);
    let mut wanted = Vec::new();
    for (blob, diff_id) in layers {
        if blob.digest != diff_id.0 && !store.content().has(&blob.digest)? {
            wanted.push(blob);
        }
    }
    let queue = Mutex::new(wanted);
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let work = || -> Result<()> {
        while let Some(blob) = next() {
            copy(found, blob, store, cancel)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..TRANSFERS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Err(Error::Canceled(Canceled))))
    })?;
    Ok(found.manifest.layers.iter().map(|blob| store.blob_path(&blob.digest)).collect())
}

fn copy(found: &Found, blob: &Descriptor, store: &Store, cancel: &Cancel) -> Result<()> {
    let reader = found.blobs.open(blob)?.ok_or_else(|| missing(&*found.blobs, blob))?;
    let (mut reader, mut writer) = (Verified::of(reader, blob), store.content().writer()?);
    let mut buffer = vec![0; 1 << 20];
    loop {
        cancel.check()?;
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => writer.write_all(&buffer[..count]).map_err(Error::io("write", blob.digest))?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(damaged(&*found.blobs, blob, error.to_string()));
            }
            Err(error) => return Err(Error::io("read", format!("{} in {}", blob.digest, found.blobs.place()))(error)),
        }
    }
    writer.commit(Some(&blob.digest))?;
    Ok(())
}

//! Keeps a found image in the store, under names: documents and blobs as they were written, layers with their indexes.
//! Knows nothing of where the image comes from.

use super::blobs::missing;
use super::found::Found;
use super::layers::{Progress, keep_layers};
use crate::error::Result;
use crate::image;
use rbuild_oci::{Cancel, Descriptor, Digest, ImageId, Reference, Timestamp};
use rbuild_store::content::{BlobWriter, ContentStore};
use rbuild_store::{Store, durable};
use std::io::{self, Write};
use std::path::PathBuf;

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
    keep_layers(&kept.images, store, cancel, progress)?;
    let mut needed = Vec::new();
    for found in &kept.images {
        let ids = &found.config.rootfs.diff_ids;
        needed.extend(found.manifest.layers.iter().map(|blob| store.blob_path(&blob.digest)));
        needed.extend(ids.iter().flat_map(|id| [store.layer_index_path(id), store.blob_path(&id.0)]));
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

fn copy(found: &Found, blob: &Descriptor, store: &Store, cancel: &Cancel) -> Result<()> {
    let mut sink = Checked { writer: store.content().writer()?, cancel };
    if !found.blobs.pour(blob, &mut sink)? {
        return Err(missing(&*found.blobs, blob));
    }
    sink.writer.commit(Some(&blob.digest))?;
    Ok(())
}

/// A blob that is written until a stop is asked for.
struct Checked<'a> {
    writer: Box<dyn BlobWriter>,
    cancel: &'a Cancel,
}

impl Write for Checked<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.cancel.check().map_err(io::Error::other)?;
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

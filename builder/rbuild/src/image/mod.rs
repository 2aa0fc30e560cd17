//! The images of the store: finding one by name or id, listing them all, their history line by line, and what they
//! share. Reads documents and indexes only; knows no command.

mod find;
mod list;
mod name;
mod reach;
mod rows;
mod sizes;
mod sketch;
mod stack;
mod target;

pub use find::{find, find_for, find_id, of_target_for};
pub use list::{Listed, list, names};
pub use name::new_name;
pub use reach::Reach;
pub use rows::{Earlier, Row, earlier, rows};
pub use sizes::{Share, Sharing, Sizes};
pub(crate) use sketch::media_type;
pub use stack::{Level, Stacked, compact, stacks};
pub use target::target;

use crate::error::{Error, Result};
use rbuild_oci::{Descriptor, Digest, ImageConfig, ImageId, Manifest, MediaType, to_canonical_json};
use rbuild_store::Store;
use rbuild_store::content::ContentStore;

/// An image of the store for one platform.
#[derive(Clone, Debug)]
pub struct StoredImage {
    /// Its id: the digest of its configuration.
    pub id: ImageId,
    /// What a tag of it points at: its manifest, or the index of several platforms that it was found in.
    pub target: Descriptor,
    /// The descriptor of its manifest.
    pub descriptor: Descriptor,
    /// Its manifest.
    pub manifest: Manifest,
    /// Its configuration.
    pub config: ImageConfig,
}

impl StoredImage {
    /// Reads the image behind the descriptor of a manifest.
    fn read(store: &Store, target: &Descriptor, descriptor: &Descriptor) -> Result<Self> {
        let manifest = Manifest::from_json(&document(store, &descriptor.digest)?)?;
        let config = ImageConfig::from_json(&document(store, &manifest.config.digest)?)?;
        let id = ImageId(manifest.config.digest);
        Ok(Self { id, target: target.clone(), descriptor: descriptor.clone(), manifest, config })
    }

    /// The image of a configuration that has no manifest of its own, such as an earlier line of a history: its manifest
    /// is made of the layers as they lie in the store.
    fn of_config(store: &Store, bytes: &[u8]) -> Result<Self> {
        let config = ImageConfig::from_json(bytes)?;
        let layer = |diff_id: &rbuild_oci::DiffId| -> Result<Descriptor> {
            let nowhere = || Descriptor::new(MediaType::OCI_LAYER, diff_id.0, 0);
            Ok(store.layers().known(diff_id)?.map_or_else(nowhere, |layer| layer.descriptor()))
        };
        let layers = config.rootfs.diff_ids.iter().map(layer).collect::<Result<_>>()?;
        let manifest = Manifest::oci(Descriptor::of(MediaType::OCI_CONFIG, bytes), layers);
        let descriptor = Descriptor::of(MediaType::OCI_MANIFEST, &to_canonical_json(&manifest)?);
        let id = ImageId(manifest.config.digest);
        Ok(Self { id, target: descriptor.clone(), descriptor, manifest, config })
    }

    /// Sees to it that a tag may point at the image: its manifest is written down, and all of it is on the disk.
    pub fn settle(&self, store: &Store) -> Result<()> {
        let content = store.content();
        if !content.has(&self.descriptor.digest)? {
            store.put_document(&to_canonical_json(&self.manifest)?)?;
        }
        let mut digests = vec![self.target.digest, self.descriptor.digest, self.id.0];
        digests.extend(rows(store, self)?.iter().map(|row| row.id.0));
        digests.extend(self.config.rootfs.diff_ids.iter().map(|layer| layer.0));
        let mut needed: Vec<_> =
            self.config.rootfs.diff_ids.iter().map(|layer| store.layer_index_path(layer)).collect();
        needed.retain(|index| index.exists());
        for digest in digests {
            needed.extend(content.has(&digest)?.then(|| store.blob_path(&digest)));
        }
        Ok(rbuild_store::durable::sync_batch(needed)?)
    }
}

/// A document that has to be in the store.
fn document(store: &Store, digest: &Digest) -> Result<Vec<u8>> {
    store
        .document(digest)?
        .ok_or_else(|| Error::Store(rbuild_store::Error::Missing { what: "document", subject: digest.to_string() }))
}

//! What has to stay in the store for an image: its documents, blobs, layers, the stacks that may be unpacked, and the
//! images that end at its lines. Removes nothing.

use super::{Earlier, earlier};
use crate::error::Result;
use rbuild_oci::{ChainId, Descriptor, DiffId, Digest, ImageConfig, ImageId, Index, Manifest};
use rbuild_store::Store;
use std::collections::{BTreeMap, BTreeSet};

/// Digests of blobs and of stacks of layers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach(BTreeSet<Digest>);

impl Reach {
    /// Everything for the manifest or index behind a descriptor. What is not here reaches nothing further.
    pub fn add_target(&mut self, store: &Store, target: &Descriptor) -> Result<()> {
        let known = target.media_type.is_index() || target.media_type.is_manifest();
        if !self.0.insert(target.digest) || !known {
            return Ok(());
        }
        let Some(bytes) = store.document(&target.digest)? else { return Ok(()) };
        if target.media_type.is_index() {
            return Index::from_json(&bytes)?.manifests.iter().try_for_each(|entry| self.add_target(store, entry));
        }
        let manifest = Manifest::from_json(&bytes)?;
        self.0.extend(manifest.layers.iter().map(|layer| layer.digest));
        self.add_image(store, &ImageId(manifest.config.digest))
    }

    /// Everything for the image of a configuration.
    pub fn add_image(&mut self, store: &Store, id: &ImageId) -> Result<()> {
        self.0.insert(id.0);
        let Some(bytes) = store.document(&id.0)? else { return Ok(()) };
        // The configuration of what is no image says nothing of layers.
        let Ok(config) = ImageConfig::from_json(&bytes) else { return Ok(()) };
        self.add_layers(&config.rootfs.diff_ids);
        let rows = match store.history().get(id)? {
            Some(rows) => rows,
            None => earlier(&config)?.iter().map(|earlier: &Earlier| earlier.id).collect(),
        };
        self.0.extend(rows.iter().map(|row| row.0));
        Ok(())
    }

    /// Layers, lowest first, and the stacks that they make.
    pub fn add_layers(&mut self, layers: &[DiffId]) {
        let mut below: Option<ChainId> = None;
        for layer in layers {
            let chain = ChainId::extend(below.as_ref(), layer);
            self.0.extend([layer.0, chain.0]);
            below = Some(chain);
        }
    }

    /// One layer on top of others, and the stack that it makes, without those below.
    pub fn add_written(&mut self, below: &[DiffId], written: Option<DiffId>) {
        if let Some(layer) = written {
            self.0.extend([layer.0, ChainId::extend(ChainId::of_layers(below).as_ref(), &layer).0]);
        }
    }

    /// With them what the snapshots of stacks lie over, as [`Store::leaning_snapshots`] says.
    #[must_use]
    pub fn with_leaning(mut self, snapshots: &BTreeMap<Digest, BTreeSet<Digest>>) -> Self {
        let under: Vec<Digest> = self.0.iter().filter_map(|digest| snapshots.get(digest)).flatten().copied().collect();
        self.0.extend(under);
        self
    }

    /// All of them.
    pub const fn digests(&self) -> &BTreeSet<Digest> {
        &self.0
    }
}

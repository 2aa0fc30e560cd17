//! How large layers and images are, and what they share. Sizes are the bytes in a layer's files, as docker counts them.

use super::StoredImage;
use crate::error::Result;
use rbuild_oci::{DiffId, ImageId};
use rbuild_store::Store;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Sizes of layers, each looked up once.
#[derive(Debug)]
pub struct Sizes<'a> {
    store: &'a Store,
    known: RefCell<BTreeMap<DiffId, u64>>,
}

impl<'a> Sizes<'a> {
    /// Sizes of the layers of a store.
    pub const fn new(store: &'a Store) -> Self {
        Self { store, known: RefCell::new(BTreeMap::new()) }
    }

    /// The bytes in a layer's files; of a layer that is elsewhere what is known of its size, zero for one that is nowhere.
    pub fn layer(&self, layer: &DiffId) -> Result<u64> {
        if let Some(size) = self.known.borrow().get(layer) {
            return Ok(*size);
        }
        let layers = self.store.layers();
        let size = match layers.kept_index(layer)? {
            Some(index) => index.totals().bytes,
            None if layers.has(layer)? => layers.index(layer)?.totals().bytes,
            None => layers.known(layer)?.map_or(0, |layer| layer.descriptor().size),
        };
        self.known.borrow_mut().insert(*layer, size);
        Ok(size)
    }

    /// The bytes in the files of all layers of an image.
    pub fn image(&self, image: &StoredImage) -> Result<u64> {
        image.config.rootfs.diff_ids.iter().map(|layer| self.layer(layer)).sum()
    }
}

/// Which layers several images have in common.
#[derive(Clone, Debug, Default)]
pub struct Sharing {
    users: BTreeMap<DiffId, BTreeSet<ImageId>>,
}

/// An image's size, split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Bytes in layers that other images have too.
    pub shared: u64,
    /// Bytes in layers of this image alone.
    pub unique: u64,
}

impl Sharing {
    /// What these images share.
    pub fn of<'a>(images: impl IntoIterator<Item = &'a StoredImage>) -> Self {
        let mut users: BTreeMap<DiffId, BTreeSet<ImageId>> = BTreeMap::new();
        for image in images {
            for layer in &image.config.rootfs.diff_ids {
                users.entry(*layer).or_default().insert(image.id);
            }
        }
        Self { users }
    }

    /// How much of an image is shared.
    pub fn share(&self, image: &StoredImage, sizes: &Sizes<'_>) -> Result<Share> {
        let mut share = Share::default();
        for layer in &image.config.rootfs.diff_ids {
            let others = self.users.get(layer).is_some_and(|users| users.iter().any(|user| *user != image.id));
            let size = sizes.layer(layer)?;
            if others { share.shared += size } else { share.unique += size }
        }
        Ok(share)
    }
}

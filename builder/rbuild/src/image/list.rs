//! All images of the store, with their tags.

use super::StoredImage;
use super::find::manifests;
use crate::error::Result;
use rbuild_oci::ImageId;
use rbuild_store::{Store, Tag};
use std::collections::BTreeMap;

/// An image and the tags that point at it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The image.
    pub image: StoredImage,
    /// Its tags, by name; none of an image whose names went to others.
    pub tags: Vec<Tag>,
}

/// All images, each once, youngest first: those with a tag, and those that were built and have none (any more).
pub fn list(store: &Store) -> Result<Vec<Listed>> {
    let mut images: BTreeMap<ImageId, Listed> = BTreeMap::new();
    for tag in store.refs().list()? {
        for manifest in manifests(store, &tag.descriptor)? {
            let image = StoredImage::read(store, &tag.descriptor, &manifest)?;
            images.entry(image.id).or_insert_with(|| Listed { image, tags: Vec::new() }).tags.push(tag.clone());
        }
    }
    for id in store.history().list()? {
        if let Some(bytes) = store.document(&id.0)?.filter(|_| !images.contains_key(&id)) {
            images.insert(id, Listed { image: StoredImage::of_config(store, &bytes)?, tags: Vec::new() });
        }
    }
    let mut images: Vec<Listed> = images.into_values().collect();
    images.sort_by_key(|listed| (std::cmp::Reverse(listed.image.config.created), first_name(listed)));
    Ok(images)
}

/// The tags that point at an image, by name.
pub fn names(store: &Store, id: &ImageId) -> Result<Vec<Tag>> {
    let listed = list(store)?.into_iter().find(|listed| listed.image.id == *id);
    Ok(listed.map(|listed| listed.tags).unwrap_or_default())
}

fn first_name(listed: &Listed) -> Option<String> {
    listed.tags.first().map(|tag| tag.reference.clone())
}

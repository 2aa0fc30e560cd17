//! What names of registries meant to the last build that asked: good enough for one that may ask nobody. Knows no registry.

use super::blobs::Blobs;
use super::found::Found;
use super::local::Local;
use crate::ctx::Clock;
use crate::error::Result;
use rbuild_oci::{Descriptor, Digest, Manifest, Platform, Reference};
use rbuild_records::{CacheBackend, Output, Recipe, Record};
use rbuild_store::Store;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The records of names, and the documents of their images, in the store.
#[derive(Clone, Copy)]
pub(super) struct Memory<'a> {
    pub(super) store: &'a Store,
    pub(super) cache: &'a dyn CacheBackend,
    pub(super) clock: &'a dyn Clock,
}

const MEDIA_TYPE: &str = "media-type";

impl Memory<'_> {
    /// Keeps what a name means on a platform; where that is known, nothing is written.
    pub(super) fn remember(&self, reference: &Reference, platform: &Platform, found: &Found) -> Result<()> {
        let recipe = recipe(reference, platform);
        if self.known(&recipe)?.is_some_and(|known| known.digest == found.descriptor.digest) {
            return Ok(());
        }
        self.store.hold()?;
        self.store.put_document(&found.manifest_bytes)?;
        self.store.put_document(&found.config_bytes)?;
        let details = BTreeMap::from([(MEDIA_TYPE.to_owned(), found.descriptor.media_type.to_string())]);
        let output = Output::Pinned { digest: found.descriptor.digest, details };
        Ok(self.cache.put(&Record { recipe, parent: None, output, created: self.clock.now() })?)
    }

    /// The image that a name meant the last time, if it is still here.
    pub(super) fn recall(&self, reference: &Reference, platform: &Platform) -> Result<Option<Found>> {
        let Some(descriptor) = self.known(&recipe(reference, platform))? else { return Ok(None) };
        let blobs: Arc<dyn Blobs> = Arc::new(Local::new(self.store));
        Found::read(&blobs, &descriptor).map(Some)
    }

    /// The manifest, where it and its configuration are in the store.
    fn known(&self, recipe: &Recipe) -> Result<Option<Descriptor>> {
        let Some(record) = self.cache.get(&recipe.key())? else { return Ok(None) };
        let Output::Pinned { digest, details } = record.output else { return Ok(None) };
        let Some(bytes) = self.store.document(&digest)? else { return Ok(None) };
        let config: Digest = Manifest::from_json(&bytes)?.config.digest;
        let whole = self.store.document(&config)?.is_some();
        let media_type = details.get(MEDIA_TYPE).filter(|_| whole);
        Ok(media_type.map(|media_type| Descriptor::of(media_type.as_str(), &bytes)))
    }
}

fn recipe(reference: &Reference, platform: &Platform) -> Recipe {
    Recipe::new().with("image", reference.to_string()).with("platform", platform.to_string())
}

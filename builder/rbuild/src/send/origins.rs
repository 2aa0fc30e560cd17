//! In which other repositories of a registry blobs may be, by what the names of the store's images say. A guess: a
//! registry that has a blob elsewhere gets it sent. Sends nothing.

use crate::error::Result;
use rbuild_oci::{Descriptor, DiffId, Digest, Index, Manifest, Reference};
use rbuild_store::Store;
use rbuild_store::layer::Codec;
use std::collections::BTreeMap;

/// The repository that each of some blobs may be mounted from.
#[derive(Clone, Debug, Default)]
pub struct Origins(BTreeMap<Digest, String>);

impl Origins {
    /// What the images of the store that have a name in the registry of `name` say, those named last first. A layer that
    /// was compressed by `codec` counts in that form, too.
    pub fn of(store: &Store, name: &Reference, codec: Option<Codec>) -> Result<Self> {
        let mut origins = Self::default();
        let mut tags = store.refs().list()?;
        tags.sort_by_key(|tag| std::cmp::Reverse(tag.tagged));
        for tag in tags {
            let Ok(other) = tag.reference.parse::<Reference>() else { continue };
            if other.registry() == name.registry() && other.repository() != name.repository() {
                origins.note(store, &tag.descriptor, other.repository(), codec)?;
            }
        }
        Ok(origins)
    }

    /// Adds that these blobs are in that repository.
    pub fn add(&mut self, blobs: &[Descriptor], repository: &str) {
        self.0.extend(blobs.iter().map(|blob| (blob.digest, repository.to_owned())));
    }

    /// Where a blob may be.
    pub fn get(&self, blob: &Digest) -> Option<&str> {
        self.0.get(blob).map(String::as_str)
    }

    /// Notes what the document behind `target` names. Documents that are not here, or are no such documents, say nothing.
    fn note(&mut self, store: &Store, target: &Descriptor, repository: &str, codec: Option<Codec>) -> Result<()> {
        let Some(bytes) = store.document(&target.digest)? else { return Ok(()) };
        if target.media_type.is_index() {
            let Ok(index) = Index::from_json(&bytes) else { return Ok(()) };
            let manifests = index.manifests.iter().filter(|entry| entry.media_type.is_manifest());
            return manifests.into_iter().try_for_each(|entry| self.note(store, entry, repository, codec));
        }
        let Ok(manifest) = Manifest::from_json(&bytes) else { return Ok(()) };
        for layer in manifest.layers {
            let packed = codec.map(|codec| store.encoded().find(&DiffId(layer.digest), codec)).transpose()?.flatten();
            for digest in packed.map(|packed| packed.digest).into_iter().chain([layer.digest]) {
                self.0.entry(digest).or_insert_with(|| repository.to_owned());
            }
        }
        Ok(())
    }
}

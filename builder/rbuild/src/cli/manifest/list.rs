//! A list of images of the store: its entries, read and written. Knows no verb.

use crate::error::{Error, Result};
use rbuild_oci::{Descriptor, Index, MediaType, Reference, Timestamp, to_canonical_json};
use rbuild_store::{Store, durable};

/// A list under its name.
pub(super) struct List {
    pub(super) name: Reference,
    pub(super) index: Index,
    /// The index as it is in the store; of one that is new, as it would be.
    pub(super) target: Descriptor,
    /// Whether its name was there when it was read.
    is_kept: bool,
}

impl List {
    /// A list of nothing.
    pub(super) fn new(name: Reference) -> Result<Self> {
        let index = Index::oci(Vec::new());
        let target = Descriptor::of(MediaType::OCI_INDEX, &to_canonical_json(&index)?);
        Ok(Self { name, index, target, is_kept: false })
    }

    /// The list of that name; none where there is no such name. The name of an image is refused.
    pub(super) fn find(store: &Store, name: &Reference) -> Result<Option<Self>> {
        let Some(tag) = store.refs().get(name)? else { return Ok(None) };
        let target = tag.descriptor;
        if !target.media_type.is_index() {
            return Err(Error::Usage(format!("{} is an image, not a list of images", name.familiar())));
        }
        let missing = || rbuild_store::Error::Missing { what: "document", subject: target.digest.to_string() };
        let bytes = store.document(&target.digest)?.ok_or_else(missing)?;
        Ok(Some(Self { name: name.clone(), index: Index::from_json(&bytes)?, target, is_kept: true }))
    }

    /// The list of that name, which there has to be.
    pub(super) fn open(store: &Store, name: &Reference) -> Result<Self> {
        Self::find(store, name)?.ok_or_else(|| Error::NotFound {
            path: format!("the list {}", name.familiar()),
            place: format!("the store {}", store.root().display()),
            hint: Some("`rbuild manifest create` makes one".to_owned()),
        })
    }

    /// Adds an image, or says anew what there is to say of it.
    pub(super) fn put(&mut self, entry: Descriptor) {
        match self.index.manifests.iter_mut().find(|known| known.digest == entry.digest) {
            Some(known) => *known = entry,
            None => self.index.manifests.push(entry),
        }
    }

    /// Writes it down, and lets its name stand for it; false where somebody else changed the list since it was read.
    pub(super) fn save(&self, store: &Store, now: Timestamp) -> Result<bool> {
        let bytes = to_canonical_json(&self.index)?;
        let digest = store.put_document(&bytes)?;
        durable::sync_batch([store.blob_path(&digest)])?;
        let media_type = self.index.media_type.clone().unwrap_or_else(|| MediaType::OCI_INDEX.into());
        let target = Descriptor::of(media_type, &bytes);
        let read = self.is_kept.then_some(&self.target);
        Ok(store.refs().replace(&self.name, read, &target, now)?)
    }
}

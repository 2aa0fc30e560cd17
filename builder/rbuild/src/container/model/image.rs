//! The image that a container is of, as whoever found it hands it over. Knows no tag and no registry.

use super::config::ImageSource;
use crate::error::Result;
use rbuild_oci::{ChainId, DiffId, Digest, ImageConfig, ImageId};
use rbuild_store::Store;
use rbuild_store::snapshot::StackLayer;
use std::sync::Arc;

/// An image of the store, ready to be run.
#[derive(Clone, Debug)]
pub struct Image {
    /// What the user called it.
    pub reference: String,
    /// The digest of its configuration.
    pub id: ImageId,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// What its containers start with.
    pub config: ImageConfig,
}

impl Image {
    /// What a container keeps of it.
    pub fn source(&self) -> ImageSource {
        ImageSource {
            reference: self.reference.clone(),
            id: self.id,
            manifest: self.manifest,
            layers: self.config.rootfs.diff_ids.clone(),
            platform: Some(self.config.platform()),
        }
    }
}

/// A stack of layers, lowest first, which have to be in the store or to be had from elsewhere.
pub(crate) fn stack(store: &Store, layers: &[DiffId]) -> Result<Vec<StackLayer>> {
    store.layers().bring_unlisted(layers)?;
    let mut stack: Vec<StackLayer> = Vec::new();
    for diff in layers {
        let chain = ChainId::extend(stack.last().map(|below| &below.chain), diff);
        stack.push(StackLayer { chain, diff: *diff, index: Arc::new(store.layers().index(diff)?) });
    }
    Ok(stack)
}

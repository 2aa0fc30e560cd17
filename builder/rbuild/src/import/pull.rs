//! An image of a registry as it is to be kept. Knows no command line.

use super::blobs::{Blobs, required_document};
use super::found::Found;
use super::keep::Kept;
use super::remote::Remote;
use crate::error::Result;
use rbuild_oci::{Digest, Index, Platform, Reference};
use rbuild_registry::{Client, select};
use rbuild_store::Store;
use std::sync::Arc;

/// What a registry has under a name.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// The digest that the name stands for there: of an index, where there are several platforms.
    pub digest: Digest,
    /// The image for the platform that was asked for.
    pub kept: Kept,
}

/// Asks a registry for an image; its layers are read when it is kept.
pub fn pull(client: &Client, reference: &Reference, platform: &Platform, store: &Store) -> Result<Pulled> {
    let top = client.resolve(reference)?;
    let blobs: Arc<dyn Blobs> = Arc::new(Remote::new(client, reference, store));
    let mut manifest = top.clone();
    while manifest.media_type.is_index() {
        let index = Index::from_json(&required_document(&*blobs, &manifest)?)?;
        manifest = select(reference, &index, platform)?.clone();
    }
    Ok(Pulled { digest: top.digest, kept: Kept::one(Found::read(&blobs, &manifest)?) })
}

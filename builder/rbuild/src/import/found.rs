//! An image that was found outside the store. Knows its documents, not its layers' bytes.

use super::blobs::{Blobs, damaged, required_document};
use crate::error::{Error, Result};
use rbuild_oci::{Descriptor, ImageConfig, Manifest, Platform};
use std::sync::Arc;

/// An image for one platform: its documents, all verified, and where its layers are.
#[derive(Clone, Debug)]
pub struct Found {
    /// The descriptor of the platform's manifest.
    pub descriptor: Descriptor,
    /// The manifest as it was written.
    pub manifest_bytes: Vec<u8>,
    /// The manifest.
    pub manifest: Manifest,
    /// The configuration as it was written.
    pub config_bytes: Vec<u8>,
    /// The configuration; it names as many layers as the manifest has.
    pub config: ImageConfig,
    /// Where its layers are read from.
    pub blobs: Arc<dyn Blobs>,
}

impl Found {
    /// Reads the documents of the image behind the descriptor of a manifest. What is no image, or has layers that cannot
    /// be had or read, is refused before any of it is fetched.
    pub fn read(blobs: &Arc<dyn Blobs>, descriptor: &Descriptor) -> Result<Self> {
        let manifest_bytes = required_document(&**blobs, descriptor)?;
        let manifest =
            Manifest::from_json(&manifest_bytes).map_err(|error| of_document(&**blobs, descriptor, &error))?;
        check_kinds(&**blobs, descriptor, &manifest)?;
        let config_bytes = required_document(&**blobs, &manifest.config)?;
        let config =
            ImageConfig::from_json(&config_bytes).map_err(|error| of_document(&**blobs, &manifest.config, &error))?;
        let (layers, diff_ids) = (manifest.layers.len(), config.rootfs.diff_ids.len());
        if layers != diff_ids {
            let reason = format!("it has {layers} layers and its configuration {diff_ids}");
            return Err(damaged(&**blobs, descriptor, reason));
        }
        let (descriptor, blobs) = (descriptor.clone(), blobs.clone());
        Ok(Self { descriptor, manifest_bytes, manifest, config_bytes, config, blobs })
    }

    /// The platform that its configuration names, if it names one.
    pub fn platform(&self) -> Option<Platform> {
        (!self.config.architecture.is_empty()).then(|| self.config.platform())
    }
}

/// The error for a document that is not what its media type says.
pub(super) fn of_document(blobs: &dyn Blobs, document: &Descriptor, error: &rbuild_oci::Error) -> Error {
    damaged(blobs, document, error.to_string())
}

/// Fails where the media types of a manifest say that this is no image, or none whose layers can be had.
fn check_kinds(blobs: &dyn Blobs, descriptor: &Descriptor, manifest: &Manifest) -> Result<()> {
    let refused = |reason: String| {
        let subject = format!("{} in {}", descriptor.digest, blobs.place());
        Err(Error::Store(rbuild_store::Error::Refused { what: "image", subject, reason }))
    };
    if !manifest.config.media_type.is_config() {
        return refused(format!(
            "it is no container image: its configuration is of type {}",
            manifest.config.media_type
        ));
    }
    for layer in &manifest.layers {
        let (digest, kind) = (&layer.digest, &layer.media_type);
        if kind.is_foreign_layer() {
            return refused(format!("its layer {digest} is foreign ({kind}): registries do not hand such layers out"));
        }
        if !kind.is_layer() {
            return refused(format!("its layer {digest} is of the unknown type {kind}"));
        }
    }
    Ok(())
}

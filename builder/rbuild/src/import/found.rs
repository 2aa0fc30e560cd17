//! An image that was found outside the store. Knows its documents, not its layers' bytes.

use super::blobs::{Blobs, damaged, required_document};
use crate::error::Result;
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
    /// Reads the documents of the image behind the descriptor of a manifest.
    pub fn read(blobs: &Arc<dyn Blobs>, descriptor: &Descriptor) -> Result<Self> {
        let manifest_bytes = required_document(&**blobs, descriptor)?;
        let manifest = Manifest::from_json(&manifest_bytes)?;
        let config_bytes = required_document(&**blobs, &manifest.config)?;
        let config = ImageConfig::from_json(&config_bytes)?;
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

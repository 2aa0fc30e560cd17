//! The image that a container is of, as whoever found it hands it over. Knows no tag and no registry.

use rbuild_oci::{Digest, ImageConfig, ImageId};
use rbuild_store::snapshot::StackLayer;

/// An image, ready to be run.
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
    /// Its layers, lowest first.
    pub stack: Vec<StackLayer>,
}

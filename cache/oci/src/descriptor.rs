//! Descriptors: a typed, sized pointer to content (OCI image specification, "Content Descriptors"). Knows media types,
//! not where the content lies.

use crate::digest::Digest;
use crate::manifest::Annotations;
use crate::platform::Platform;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a blob is, as the specifications write it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaType(String);

impl MediaType {
    /// An OCI image manifest.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// An OCI image index.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// An OCI image configuration.
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// An uncompressed OCI layer.
    pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    /// An OCI layer compressed with gzip.
    pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// An OCI layer compressed with zstd.
    pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// A Docker image manifest, version 2 schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// A Docker manifest list.
    pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// A Docker image configuration.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// An uncompressed Docker layer.
    pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
    /// A Docker layer compressed with gzip.
    pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// A Docker layer compressed with zstd.
    pub const DOCKER_LAYER_ZSTD: &str = "application/vnd.docker.image.rootfs.diff.tar.zstd";

    /// An uncompressed OCI layer that registries are not to hand out. Also with `+gzip` and `+zstd`.
    pub const OCI_LAYER_FOREIGN: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    /// A Docker layer that lies elsewhere. Also with `.gzip`.
    pub const DOCKER_LAYER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar";

    /// The media type of that text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this names an image manifest, OCI's or Docker's.
    pub fn is_manifest(&self) -> bool {
        matches!(self.0.as_str(), Self::OCI_MANIFEST | Self::DOCKER_MANIFEST)
    }

    /// Whether this names an index (a manifest list), OCI's or Docker's.
    pub fn is_index(&self) -> bool {
        matches!(self.0.as_str(), Self::OCI_INDEX | Self::DOCKER_INDEX)
    }

    /// Whether it is that of a document that registries keep by tag or digest.
    pub fn is_manifest_or_index(&self) -> bool {
        self.is_manifest() || self.is_index()
    }

    /// Whether this names the configuration of an image, OCI's or Docker's.
    pub fn is_config(&self) -> bool {
        matches!(self.0.as_str(), Self::OCI_CONFIG | Self::DOCKER_CONFIG)
    }

    /// Whether this names a layer that lies where its manifest lies: OCI's or Docker's, plain, gzip or zstd.
    pub fn is_layer(&self) -> bool {
        let oci = [Self::OCI_LAYER, Self::OCI_LAYER_GZIP, Self::OCI_LAYER_ZSTD];
        let docker = [Self::DOCKER_LAYER, Self::DOCKER_LAYER_GZIP, Self::DOCKER_LAYER_ZSTD];
        oci.contains(&self.as_str()) || docker.contains(&self.as_str())
    }

    /// Whether this names a foreign layer: one that lies elsewhere, at addresses of its descriptor.
    pub fn is_foreign_layer(&self) -> bool {
        self.0.starts_with(Self::OCI_LAYER_FOREIGN) || self.0.starts_with(Self::DOCKER_LAYER_FOREIGN)
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for MediaType {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// A pointer to content: what it is, its digest, its size in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is.
    pub media_type: MediaType,
    /// The digest of the content.
    pub digest: Digest,
    /// The size of the content in bytes.
    pub size: u64,
    /// Where else the content may be fetched ("foreign" layers).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Free key-value notes.
    #[serde(default, skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
    /// In an index: the platform the content runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What the artifact is that the content describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

impl Descriptor {
    /// Whether an entry of an index stands for statements about images (provenance, software lists), not for an image.
    pub fn is_attestation(&self) -> bool {
        let unknown = |platform: &Platform| platform.os == "unknown" && platform.architecture == "unknown";
        self.annotations.contains_key("vnd.docker.reference.type") || self.platform.as_ref().is_some_and(unknown)
    }

    /// A descriptor of content with that type, digest and size, and nothing more.
    pub fn new(media_type: impl Into<MediaType>, digest: Digest, size: u64) -> Self {
        let media_type = media_type.into();
        Self {
            media_type,
            digest,
            size,
            urls: Vec::new(),
            annotations: Annotations::new(),
            platform: None,
            artifact_type: None,
        }
    }

    /// A descriptor of these very bytes.
    pub fn of(media_type: impl Into<MediaType>, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }
}

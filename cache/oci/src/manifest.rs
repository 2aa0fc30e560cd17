//! Image manifests and indexes, and the one way JSON is written here. Knows both OCI's and Docker's media types.

use crate::descriptor::{Descriptor, MediaType};
use crate::digest::Digest;
use crate::error::{Error, Result};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Free key-value notes on a manifest, index or descriptor.
pub type Annotations = BTreeMap<String, String>;

/// An image for one platform: its configuration and its layers, lowest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// The media type of the manifest itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// What the artifact is, where it is not an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The image configuration.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
    /// The manifest this one speaks about, for referrers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Free key-value notes.
    #[serde(default, skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
}

impl Manifest {
    /// An OCI manifest of that configuration and those layers.
    pub fn oci(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(MediaType::OCI_MANIFEST.into()),
            artifact_type: None,
            config,
            layers,
            subject: None,
            annotations: Annotations::new(),
        }
    }

    /// Reads a manifest, OCI's or Docker's; an index is refused by name, and so is what could be read as either.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        let manifest: Self = parse("image manifest", bytes)?;
        if parse::<Fields>("image manifest", bytes)?.manifests.is_some() {
            return Err(both(bytes));
        }
        match &manifest.media_type {
            Some(found) if !found.is_manifest() => {
                Err(Error::MediaType { what: "image manifest", media_type: found.to_string() })
            }
            _ => Ok(manifest),
        }
    }
}

/// A list of manifests, as for several platforms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// The media type of the index itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// What lies behind the index, manifests or further indexes.
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
    /// Free key-value notes.
    #[serde(default, skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
}

impl Index {
    /// An OCI index of those manifests.
    pub fn oci(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(MediaType::OCI_INDEX.into()),
            manifests,
            annotations: Annotations::new(),
        }
    }

    /// Reads an index, OCI's or Docker's; a manifest is refused, and so is what could be read as either.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        let index: Self = parse("image index", bytes)?;
        let fields = parse::<Fields>("image index", bytes)?;
        if fields.layers.is_some() || fields.config.is_some() {
            return Err(both(bytes));
        }
        match &index.media_type {
            Some(found) if !found.is_index() => {
                Err(Error::MediaType { what: "image index", media_type: found.to_string() })
            }
            _ => Ok(index),
        }
    }
}

/// The fields by which a manifest and an index are told apart.
#[derive(Deserialize)]
struct Fields {
    manifests: Option<IgnoredAny>,
    layers: Option<IgnoredAny>,
    config: Option<IgnoredAny>,
}

/// A document that one tool reads as a manifest and another as an index is a trap, whatever its media type.
fn both(bytes: &[u8]) -> Error {
    let text = Digest::of(bytes).to_string();
    Error::Invalid { what: "manifest", text, rule: "it has either manifests, or a configuration and layers" }
}

/// The bytes of a document: compact JSON, fields in the order of their type, maps sorted. Equal values give equal bytes.
pub fn to_canonical_json<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|source| Error::Json { what: "document", source })
}

pub(crate) fn parse<'a, T: Deserialize<'a>>(what: &'static str, bytes: &'a [u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|source| Error::Json { what, source })
}

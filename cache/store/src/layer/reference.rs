//! What a manifest, record or snapshot needs to know of a layer to get at it. Holds no path: it travels between
//! machines.

use rbuild_oci::{Descriptor, DiffId, MediaType};
use serde::{Deserialize, Serialize};

/// A layer by its content, here or elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRef {
    /// The digest of the uncompressed tarball.
    pub diff_id: DiffId,
    /// The size of the uncompressed tarball in bytes; none while the layer was never here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Blobs that are known to hold the layer, compressed or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub encodings: Vec<Encoding>,
}

/// A blob that holds a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encoding {
    /// Its type, digest and size.
    pub descriptor: Descriptor,
    /// Where it is.
    pub location: Location,
}

/// Where a blob is. More than one place may have it; this is one that had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Location {
    /// Among the store's blobs.
    Blob,
    /// Among the compressed forms that the store keeps, under that key ([`super::Codec::key`]).
    Encoded(String),
    /// In a repository of a registry: `registry.example:5000/name`.
    Registry(String),
}

impl LayerRef {
    /// A layer whose uncompressed tarball is among the store's blobs.
    pub fn stored(diff_id: DiffId, size: u64) -> Self {
        let descriptor = Descriptor::new(MediaType::OCI_LAYER, diff_id.0, size);
        Self { diff_id, size: Some(size), encodings: vec![Encoding { descriptor, location: Location::Blob }] }
    }

    /// A layer that is known by a blob elsewhere and not here yet.
    pub fn remote(diff_id: DiffId, descriptor: Descriptor, repository: impl Into<String>) -> Self {
        let location = Location::Registry(repository.into());
        Self { diff_id, size: None, encodings: vec![Encoding { descriptor, location }] }
    }

    /// The same, known to be in one more place.
    #[must_use]
    pub fn with(mut self, encoding: Encoding) -> Self {
        if !self.encodings.contains(&encoding) {
            self.encodings.push(encoding);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rbuild_oci::Digest;

    #[test]
    fn the_text_form_is_stable() {
        let diff_id = DiffId(Digest::of(b""));
        let gzip = Descriptor::new(MediaType::OCI_LAYER_GZIP, Digest::of(b"gz"), 2);
        let layer = LayerRef::remote(diff_id, gzip.clone(), "docker.io/library/x")
            .with(Encoding { descriptor: gzip, location: Location::Encoded("gzip-6".to_owned()) });
        let text = serde_json::to_string(&layer).unwrap();
        assert!(text.ends_with(r#""location":{"encoded":"gzip-6"}}]}"#), "{text}");
        assert_eq!(serde_json::from_str::<LayerRef>(&text).unwrap(), layer);
        let stored = serde_json::to_string(&LayerRef::stored(diff_id, 0)).unwrap();
        assert!(stored.contains(r#""location":"blob""#), "{stored}");
    }
}

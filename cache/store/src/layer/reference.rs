//! What a manifest, record or snapshot needs to know of a layer to get at it. Holds no path and no place: it travels
//! between machines.

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
    /// A blob that holds it, where its own size is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<Box<Descriptor>>,
}

impl LayerRef {
    /// A layer whose uncompressed tarball has that size.
    pub const fn stored(diff_id: DiffId, size: u64) -> Self {
        Self { diff_id, size: Some(size), blob: None }
    }

    /// What a manifest names for it: its tarball; of one whose size is not known, the blob that holds it.
    pub fn descriptor(&self) -> Descriptor {
        match (&self.blob, self.size) {
            (Some(blob), None) => Descriptor::new(oci(&blob.media_type), blob.digest, blob.size),
            (_, size) => Descriptor::new(MediaType::OCI_LAYER, self.diff_id.0, size.unwrap_or_default()),
        }
    }
}

/// The media type by OCI's name.
fn oci(media_type: &MediaType) -> MediaType {
    match media_type.as_str() {
        MediaType::DOCKER_LAYER => MediaType::OCI_LAYER.into(),
        MediaType::DOCKER_LAYER_GZIP => MediaType::OCI_LAYER_GZIP.into(),
        MediaType::DOCKER_LAYER_ZSTD => MediaType::OCI_LAYER_ZSTD.into(),
        _ => media_type.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rbuild_oci::Digest;

    #[test]
    fn the_text_form_is_stable_and_earlier_ones_are_read() {
        let layer = LayerRef::stored(DiffId(Digest::of(b"")), 0);
        let text = serde_json::to_string(&layer).unwrap();
        assert_eq!(text, format!(r#"{{"diff_id":"{}","size":0}}"#, layer.diff_id));
        let before = text.replace('}', r#","encodings":[{"descriptor":{},"location":"blob"}]}"#);
        assert_eq!(serde_json::from_str::<LayerRef>(&before).unwrap(), layer);
    }
}

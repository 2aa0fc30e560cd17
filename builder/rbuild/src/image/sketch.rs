//! What a manifest or an index is, by its own words. Reads nothing else of it.

use rbuild_oci::MediaType;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The media type that a document says it has, else the one that its fields make it; none where it is neither the
/// manifest of an image nor an index.
pub(crate) fn media_type(bytes: &[u8]) -> Option<MediaType> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Sketch {
        media_type: Option<MediaType>,
        manifests: Option<IgnoredAny>,
        layers: Option<IgnoredAny>,
    }
    let sketch: Sketch = serde_json::from_slice(bytes).ok()?;
    let stated = sketch.media_type.filter(rbuild_oci::MediaType::is_manifest_or_index);
    match (stated, sketch.manifests, sketch.layers) {
        (Some(stated), ..) => Some(stated),
        (None, Some(_), None) => Some(MediaType::OCI_INDEX.into()),
        (None, None, Some(_)) => Some(MediaType::OCI_MANIFEST.into()),
        _ => None,
    }
}

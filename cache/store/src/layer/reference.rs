//! A layer by name: what it is, how large, and in which compressed forms it is known. The layer itself may be elsewhere.

use rbuild_oci::{Descriptor, DiffId};
use serde::{Deserialize, Serialize};

/// A layer, here or not yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRef {
    /// The digest of the uncompressed tarball.
    pub diff_id: DiffId,
    /// The size of the uncompressed tarball in bytes.
    pub size: u64,
    /// Compressed forms that are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub encodings: Vec<Encoding>,
}

/// A compressed form of a layer and where it can be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encoding {
    /// What it is.
    pub descriptor: Descriptor,
    /// The repository that has it; none is this store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
}

impl LayerRef {
    /// A layer that is known uncompressed only.
    pub const fn uncompressed(diff_id: DiffId, size: u64) -> Self {
        Self { diff_id, size, encodings: Vec::new() }
    }
}

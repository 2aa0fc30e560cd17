//! A record on its way between machines: what a depot keeps under the record's name. Knows no depot.

use crate::key::CacheKey;
use crate::record::{Output, Record};
use rbuild_oci::{Descriptor, to_canonical_json};
use serde::{Deserialize, Serialize};

/// A record and the blobs that stand for what it speaks of. What is read of a depot is only believed if the record's
/// recipe hashes to the key that was asked for; platform and fidelity are part of the recipe of whatever depends on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parcel {
    /// The format, which is [`Parcel::VERSION`].
    pub version: u32,
    /// The record.
    pub record: Record,
    /// Of a record with a layer: where that is. None for one that nobody carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<Carried>,
}

/// A layer among the blobs of a depot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Carried {
    /// The layer's tarball, compressed or not.
    pub blob: Descriptor,
    /// The layer's index in the store's own encoding, where it is there by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<Descriptor>,
}

impl Carried {
    /// All that has to stay as long as it is spoken of.
    pub fn blobs(&self) -> impl Iterator<Item = Descriptor> {
        std::iter::once(self.blob.clone()).chain(self.index.clone())
    }
}

impl Parcel {
    /// The version that is written, and the only one that is read.
    pub const VERSION: u32 = 1;

    /// The bytes that a depot keeps.
    pub fn to_bytes(&self) -> Result<Vec<u8>, rbuild_oci::Error> {
        to_canonical_json(self)
    }

    /// The record behind `key`, or why these bytes are none.
    pub fn read(key: &CacheKey, bytes: &[u8]) -> Result<Self, String> {
        let parcel: Self = serde_json::from_slice(bytes).map_err(|error| format!("it cannot be read: {error}"))?;
        if parcel.version != Self::VERSION {
            return Err(format!("it is of version {}, this rbuild reads {}", parcel.version, Self::VERSION));
        }
        let found = parcel.record.key();
        if found != *key {
            return Err(format!("its recipe has the key {found}"));
        }
        if parcel.layer.is_some() && !matches!(parcel.record.output, Output::Layer { .. }) {
            return Err("it carries a layer that its step did not make".to_owned());
        }
        Ok(parcel)
    }
}

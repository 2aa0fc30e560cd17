//! What a depot keeps under the name of a mount: of which pieces it is made. What is read is believed only within bounds.

use super::cutter;
use rbuild_oci::{Descriptor, Digest, Timestamp, to_canonical_json};
use serde::{Deserialize, Serialize};

/// A mount as it travels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format, which is [`Manifest::VERSION`].
    pub version: u32,
    /// What tells this mount from others.
    pub identity: String,
    /// The size of the tarball in bytes.
    pub size: u64,
    /// When it was packed.
    pub when: Timestamp,
    /// The pieces of the tarball, in order.
    pub pieces: Vec<Piece>,
}

/// A piece of a tarball.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The digest of its bytes.
    pub digest: Digest,
    /// How many these are.
    pub size: u64,
    /// The blob that holds them, as one zstd frame.
    pub blob: Descriptor,
}

impl Piece {
    /// The media type of its blob.
    pub const MEDIA_TYPE: &'static str = "application/vnd.rbuild.mount.piece.v1+zstd";
}

impl Manifest {
    /// The version that is written, and the only one that is read.
    pub const VERSION: u32 = 1;

    /// The bytes that a depot keeps.
    pub fn to_bytes(&self) -> Result<Vec<u8>, rbuild_oci::Error> {
        to_canonical_json(self)
    }

    /// The blobs that it speaks of, each once.
    pub fn blobs(&self) -> Vec<Descriptor> {
        let mut blobs: Vec<Descriptor> = self.pieces.iter().map(|piece| piece.blob.clone()).collect();
        blobs.sort_by_key(|blob| blob.digest);
        blobs.dedup_by_key(|blob| blob.digest);
        blobs
    }

    /// The mount of that identity, of at most `most` bytes, or why these bytes are none.
    pub fn read(identity: &str, most: u64, bytes: &[u8]) -> Result<Self, String> {
        let found: Self = serde_json::from_slice(bytes).map_err(|error| format!("it cannot be read: {error}"))?;
        if found.version != Self::VERSION {
            return Err(format!("it is of version {}, this rbuild reads {}", found.version, Self::VERSION));
        }
        if found.identity != identity {
            return Err("it is about another mount".to_owned());
        }
        if found.size > most {
            return Err(format!("it has {} bytes, more than {most}", found.size));
        }
        let sum = found.pieces.iter().try_fold(0_u64, |sum, piece| sum.checked_add(piece.size));
        let fits = |piece: &Piece| {
            (1..=cutter::MOST as u64).contains(&piece.size) && piece.blob.size <= zstd_bound(piece.size)
        };
        if sum != Some(found.size) || !found.pieces.iter().all(fits) {
            return Err("its pieces have impossible sizes".to_owned());
        }
        Ok(found)
    }
}

/// What compression can make of so many bytes at most, and a little more.
const fn zstd_bound(size: u64) -> u64 {
    size + size / 128 + 1024
}

//! PURE. `--keep-storage`: how large the build cache may become. Knows no store.

use super::size;
use crate::error::Result;

/// How large the build cache may become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Limit {
    /// A tenth of the file system, but at least 2 GB and at most 20 GB.
    #[default]
    Usual,
    /// So many bytes.
    Bytes(u64),
    /// As large as it likes.
    None,
}

impl Limit {
    /// What is meant by a text: a size as `20GB`, or `none`.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "" => Ok(Self::Usual),
            "none" | "unlimited" => Ok(Self::None),
            _ => size::bytes("--keep-storage", text).map(Self::Bytes),
        }
    }
}

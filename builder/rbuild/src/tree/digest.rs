//! The digest of a file's data. Knows no tree.

use crate::error::{Error, Result};
use rbuild_oci::{Cancel, Digest, Hasher};
use rbuild_store::layer::show_path;
use std::io::Read;

/// Reads one file after the other with the same piece of memory.
pub(super) struct Digester {
    buffer: Vec<u8>,
}

impl Default for Digester {
    fn default() -> Self {
        Self { buffer: vec![0; 256 << 10] }
    }
}

impl Digester {
    /// The digest of all that `data` has; it is the file at `path` in the tree called `tree`.
    pub(super) fn digest(&mut self, mut data: impl Read, path: &[u8], tree: &str, cancel: &Cancel) -> Result<Digest> {
        let mut hasher = Hasher::new();
        loop {
            cancel.check()?;
            match data.read(&mut self.buffer) {
                Ok(0) => return Ok(hasher.finish()),
                Ok(count) => hasher.update(&self.buffer[..count]),
                Err(error) => return Err(Error::io("read", format!("{} in {tree}", show_path(path)))(error)),
            }
        }
    }
}

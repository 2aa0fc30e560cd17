//! The digest of a file's data. Knows no tree.

use crate::error::{Error, Result};
use rbuild_oci::{Cancel, Digest, Hasher};
use rbuild_store::layer::show_path;
use std::io::Read;

/// The digest of all that `data` has; it is the file at `path` in the tree called `tree`.
pub(super) fn digest(mut data: impl Read, path: &[u8], tree: &str, cancel: &Cancel) -> Result<Digest> {
    let (mut hasher, mut buffer) = (Hasher::new(), vec![0; 256 << 10]);
    loop {
        cancel.check()?;
        match data.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) => return Err(Error::io("read", format!("{} in {tree}", show_path(path)))(error)),
        }
    }
}

//! What a directory looks like from outside: enough to see that nobody touched it, without reading a file.

use crate::error::Result;
use rbuild_oci::{Cancel, Digest, Hasher};
use rbuild_store::{Meta, RootDir};
use std::path::Path;

/// The digest of all paths with type, mode, owner, size, inode and both times. The directory itself counts without the
/// time of its last change, which a rename sets.
pub(super) fn print(directory: &Path, cancel: &Cancel) -> Result<Digest> {
    let root = RootDir::open(directory)?;
    let mut hasher = Hasher::new();
    let top = root.top().stat(b".")?;
    add(&mut hasher, b"", &Meta { ctime: top.mtime, ..top });
    for found in root.walk(b"")? {
        cancel.check().map_err(rbuild_store::Error::from)?;
        let found = found?;
        add(&mut hasher, &found.path, &found.meta);
    }
    Ok(hasher.finish())
}

fn add(hasher: &mut Hasher, path: &[u8], meta: &Meta) {
    hasher.update(&(path.len() as u64).to_le_bytes());
    hasher.update(path);
    let size = if meta.is_dir() { 0 } else { meta.size };
    let numbers = [u64::from(meta.mode), u64::from(meta.uid), u64::from(meta.gid), size, meta.ino, meta.kind as u64];
    for number in numbers {
        hasher.update(&number.to_le_bytes());
    }
    for time in [meta.mtime, meta.ctime] {
        hasher.update(&time.seconds.to_le_bytes());
        hasher.update(&time.nanos.to_le_bytes());
    }
}

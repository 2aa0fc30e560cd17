//! Where the data of a file lies on its disk, so that what files share is counted once. Knows one file at a time.

use super::raw::extents;
use std::fs::File;

/// A piece of data that other files may hold too: its place on the disk and its length, in bytes.
pub(crate) type Shared = (u64, u64);

/// The pieces of a file that others hold too; none where the file system does not tell.
pub(crate) fn shared(file: &File) -> Vec<Shared> {
    let (mut found, mut start) = (Vec::new(), 0);
    while let Ok(mapped) = extents(file, start) {
        let pieces = mapped.iter().filter(|extent| extent.is_shared());
        found.extend(pieces.map(|extent| (extent.physical, extent.length)));
        match mapped.last() {
            Some(last) if !last.is_last() => start = last.logical + last.length,
            _ => break,
        }
    }
    found
}

//! Durability, decided once per build: before a tag becomes visible all that it needs is brought to the disk in one
//! batch. Knows no tag.

use crate::error::{Error, Result};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

/// Brings files (or directories) and the names they have to the disk: each one's data, then each directory once. What
/// is there already costs little, so naming too much is fine; a missing file is an error.
pub fn sync_batch<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<()> {
    let mut directories = BTreeSet::new();
    for path in paths {
        let path = path.as_ref();
        sync(path, File::sync_data)?;
        directories.extend(path.parent().map(Path::to_owned));
    }
    directories.iter().try_for_each(|directory| sync(directory, File::sync_all))
}

fn sync(path: &Path, sync: impl FnOnce(&File) -> std::io::Result<()>) -> Result<()> {
    File::open(path).and_then(|file| sync(&file)).map_err(Error::io("sync", path.display()))
}

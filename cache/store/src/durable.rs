//! Durability, decided once per build: before a tag becomes visible all that it needs is brought to the disk in one
//! batch. Knows no tag.
//!
//! Measured on an idle ext4, in ms: 12 files take 1.1 on 16 threads and 0.5 by syncfs; 300 files 18 and 4.7.
//! A syncfs also waits for what other programs wrote to that file system, so it is for large batches only.

use crate::error::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Brings files (or directories) and the names they have to the disk. What is there already costs little, so naming
/// too much is fine; a missing file is an error.
pub fn sync_batch<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<()> {
    let mut batch = BTreeSet::new();
    for path in paths {
        batch.extend(path.as_ref().parent().map(Path::to_owned));
        batch.insert(path.as_ref().to_owned());
    }
    let batch: Vec<PathBuf> = batch.into_iter().collect();
    if batch.len() > LARGE { sync_file_systems(&batch) } else { sync_each(&batch) }
}

/// Up to how many files are synced by themselves.
const LARGE: usize = 64;
/// How many at once, so that the journal of the file system takes them together.
const THREADS: usize = 16;

fn sync_each(batch: &[PathBuf]) -> Result<()> {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(path) = batch.get(next.fetch_add(1, Ordering::Relaxed)) {
            File::open(path).and_then(|file| file.sync_all()).map_err(Error::io("sync", path.display()))?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..batch.len().min(THREADS)).map(|_| scope.spawn(work)).collect();
        let own = work();
        helpers.into_iter().fold(own, |result, helper| {
            let stopped = || Err(Error::io("sync", "a batch of files")(std::io::Error::other("a thread stopped")));
            result.and(helper.join().unwrap_or_else(|_| stopped()))
        })
    })
}

fn sync_file_systems(batch: &[PathBuf]) -> Result<()> {
    let mut file_systems = BTreeMap::new();
    for path in batch {
        let meta = path.metadata().map_err(Error::io("sync", path.display()))?;
        file_systems.entry(meta.dev()).or_insert(path);
    }
    for path in file_systems.into_values() {
        let file = File::open(path).map_err(Error::io("sync", path.display()))?;
        rustix::fs::syncfs(&file).map_err(Error::io("sync", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_batches_and_a_missing_file() {
        let dir = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = (0..100).map(|number| dir.path().join(number.to_string())).collect();
        for path in &paths {
            std::fs::write(path, "x").unwrap();
        }
        sync_batch(&paths[..0]).unwrap();
        sync_batch(&paths[..5]).unwrap();
        sync_batch(&paths).unwrap();
        for count in [2, 99] {
            let missing = paths[..count].iter().cloned().chain([dir.path().join("missing")]);
            assert!(sync_batch(missing).unwrap_err().is_not_found());
        }
    }
}

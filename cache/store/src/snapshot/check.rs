//! Snapshots that no driver could have made: without their files, or without a word of when they were made. Knows no
//! driver, and does not look into them.

use super::home::{BOOT, FLAT};
use super::workspace::FILES;
use crate::error::{Error, Result, if_there};
use crate::layout::{Bucket, Store};
use rbuild_oci::Digest;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

impl Store {
    /// The snapshots that are not whole, each with what is wrong. One that a crash of the machine may have torn is none of
    /// them: it is made again when it is needed.
    pub fn unsound_snapshots(&self) -> Result<(usize, Vec<(PathBuf, &'static str)>)> {
        let (mut count, mut found) = (0, Vec::new());
        let mut homes = Vec::new();
        for driver in entries(&self.dir(Bucket::Snapshots))? {
            homes.extend(entries(&driver)?);
        }
        for path in homes.iter().map(|home| entries(home)).collect::<Result<Vec<_>>>()?.concat() {
            if is_snapshot(&path) {
                count += 1;
                found.extend(wrong(&path)?.map(|wrong| (path, wrong)));
            }
        }
        Ok((count, found))
    }
}

/// Whether a snapshot, or some merged layers, lie there by their name.
fn is_snapshot(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let hex = name.strip_suffix(FLAT).and_then(|name| name.strip_suffix('.')).unwrap_or(name);
    Digest::from_hex(hex).is_ok()
}

fn wrong(path: &Path) -> Result<Option<&'static str>> {
    let has = |name: &str| {
        let path = path.join(name);
        Ok::<_, Error>(if_there(fs::symlink_metadata(&path)).map_err(Error::io("stat", path.display()))?.is_some())
    };
    let wrong = match (has(FILES)?, has(BOOT)?) {
        (false, _) => Some("it has no files"),
        (true, false) => Some("nothing says in which boot it was made"),
        (true, true) => None,
    };
    // One that is removed meanwhile has nothing any more.
    Ok(wrong.filter(|_| path.exists()))
}

/// What is in a directory; nothing if it is none.
fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let list = || -> io::Result<Vec<PathBuf>> { fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect() };
    Ok(if_there(list()).map_err(Error::io("list", directory.display()))?.unwrap_or_default())
}

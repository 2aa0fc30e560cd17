//! How much of the disk a tree takes: files with several names once, and data that files share (FICLONE, snapshots of
//! btrfs) once. Knows no bucket.

use crate::error::{Error, Result, if_there};
use crate::root_dir::shared;
use rustix::fs::{Mode, OFlags};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Adds up what trees take.
#[derive(Debug, Default)]
pub struct Usage {
    files: BTreeSet<(u64, u64)>,
    pieces: BTreeSet<(u64, u64)>,
}

impl Usage {
    /// The bytes that the tree takes beyond the trees that were added before. What vanishes meanwhile counts nothing.
    pub fn add(&mut self, path: &Path) -> Result<u64> {
        let (mut ahead, mut bytes) = (vec![path.to_owned()], 0);
        while let Some(path) = ahead.pop() {
            let counted = if_there(self.directory(&path, &mut ahead)).map_err(Error::io("list", path.display()))?;
            bytes += counted.unwrap_or_default();
        }
        Ok(bytes)
    }

    fn directory(&mut self, path: &Path, ahead: &mut Vec<PathBuf>) -> io::Result<u64> {
        let mut bytes = 0;
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let Some(meta) = if_there(entry.metadata())? else { continue };
            if meta.is_dir() {
                ahead.push(entry.path());
            } else if meta.nlink() > 1 && !self.files.insert((meta.dev(), meta.ino())) {
                continue;
            }
            let size = meta.blocks() * 512;
            bytes += if meta.is_file() { size.saturating_sub(self.counted(&entry.path())) } else { size };
        }
        Ok(bytes)
    }

    /// The bytes of a file that were counted with another one.
    fn counted(&mut self, path: &Path) -> u64 {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = rustix::fs::open(path, flags, Mode::empty()) else { return 0 };
        let known = |piece: &(u64, u64)| !self.pieces.insert(*piece);
        shared(&File::from(file)).into_iter().filter(known).map(|(_, length)| length).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_names_and_shared_data_count_once() {
        const SIZE: usize = 1 << 20;
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        fs::write(path("a"), vec![7; SIZE]).unwrap();
        File::open(path("a")).unwrap().sync_all().unwrap();
        let one = Usage::default().add(place.path()).unwrap();
        assert!(one >= SIZE as u64);
        fs::hard_link(path("a"), path("b")).unwrap();
        assert_eq!(Usage::default().add(place.path()).unwrap(), one);
        let copy = File::create(path("c")).unwrap();
        if let Err(errno) = rustix::fs::ioctl_ficlone(&copy, File::open(path("a")).unwrap()) {
            eprintln!("SKIP: files share no data here: {errno}");
            return;
        }
        copy.sync_all().unwrap();
        assert_eq!(Usage::default().add(place.path()).unwrap(), one);
    }
}

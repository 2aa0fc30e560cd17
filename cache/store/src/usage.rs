//! How much of the disk a tree takes: files with several names once, and data that files share (FICLONE, snapshots of
//! btrfs) once. Knows no bucket.

use crate::error::{Error, Result, if_there};
use crate::root_dir::{BTRFS, shared};
use rustix::fs::{Mode, OFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Adds up what trees take.
#[derive(Debug, Default)]
pub struct Usage {
    files: BTreeSet<(u64, u64)>,
    pieces: Pieces,
    /// What file systems do, by device.
    habits: BTreeMap<u64, Habit>,
    /// Whether what files share counts for none of them.
    alone: bool,
}

/// What a file system does with the data of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// Files share none.
    Apart,
    /// Files can share it.
    Shares,
    /// The same, and what is small lies among the metadata, whose room is taken in any case.
    Inlines,
}

impl Habit {
    /// That of the file system of a path: of the ext family, tmpfs and ramfs it is known that files share nothing.
    fn of(path: &Path) -> Self {
        const APART: [u64; 3] = [0xef53, 0x0102_1994, 0x8584_58f6];
        match rustix::fs::statfs(path).map(|found| found.f_type as u64) {
            Ok(BTRFS) => Self::Inlines,
            Ok(magic) if APART.contains(&magic) => Self::Apart,
            _ => Self::Shares,
        }
    }
}

/// The most bytes of a file that btrfs keeps among the metadata where it is not told otherwise (`max_inline`).
const INLINE: u64 = 2048;

impl Usage {
    /// The bytes that the file or tree takes, itself included, beyond what was added before. What vanishes meanwhile
    /// counts nothing.
    pub fn add(&mut self, path: &Path) -> Result<u64> {
        let mut ahead = Vec::new();
        let own = if_there(self.thing(path, &mut ahead)).map_err(Error::io("find", path.display()))?;
        let mut bytes = own.unwrap_or_default();
        while let Some(path) = ahead.pop() {
            let counted = if_there(self.directory(&path, &mut ahead)).map_err(Error::io("list", path.display()))?;
            bytes += counted.unwrap_or_default();
        }
        Ok(bytes)
    }

    /// The bytes that come free when the file or tree goes and nothing else does: what it shares with others stays.
    pub fn alone(path: &Path) -> Result<u64> {
        Self { alone: true, ..Self::default() }.add(path)
    }

    fn directory(&mut self, path: &Path, ahead: &mut Vec<PathBuf>) -> io::Result<u64> {
        let mut bytes = 0;
        for entry in fs::read_dir(path)? {
            bytes += if_there(self.thing(&entry?.path(), ahead))?.unwrap_or_default();
        }
        Ok(bytes)
    }

    fn thing(&mut self, path: &Path, ahead: &mut Vec<PathBuf>) -> io::Result<u64> {
        let meta = fs::symlink_metadata(path)?;
        if meta.is_dir() {
            ahead.push(path.to_owned());
        } else if meta.nlink() > 1 && !self.files.insert((meta.dev(), meta.ino())) {
            return Ok(0);
        }
        let size = meta.blocks() * 512;
        Ok(match self.habit(path, &meta) {
            Habit::Inlines if meta.len() <= INLINE => 0,
            Habit::Shares | Habit::Inlines if meta.is_file() && size > 0 => size.saturating_sub(self.counted(path)),
            _ => size,
        })
    }

    fn habit(&mut self, path: &Path, meta: &Metadata) -> Habit {
        // What is at the path itself may be a link that leads elsewhere.
        let home = path.parent().unwrap_or(path);
        *self.habits.entry(meta.dev()).or_insert_with(|| Habit::of(if meta.is_symlink() { home } else { path }))
    }

    /// The bytes of a file that were counted with another one.
    fn counted(&mut self, path: &Path) -> u64 {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = rustix::fs::open(path, flags, Mode::empty()) else { return 0 };
        let pieces = shared(&File::from(file)).into_iter();
        if self.alone {
            return pieces.map(|(_, length)| length).sum();
        }
        pieces.map(|(start, length)| self.pieces.add(start, start + length)).sum()
    }
}

/// Pieces of a disk that were counted: begin and end, none touching the next.
#[derive(Debug, Default)]
struct Pieces(BTreeMap<u64, u64>);

impl Pieces {
    /// Adds a piece; how much of it was there.
    fn add(&mut self, start: u64, end: u64) -> u64 {
        let (mut known, mut whole) = (0, (start, end));
        let touching: Vec<(u64, u64)> =
            self.0.range(..=end).rev().map(|(from, to)| (*from, *to)).take_while(|(_, to)| *to >= start).collect();
        for (from, to) in touching {
            known += to.min(end).saturating_sub(from.max(start));
            whole = (whole.0.min(from), whole.1.max(to));
            self.0.remove(&from);
        }
        self.0.insert(whole.0, whole.1);
        known
    }
}

/// How large the file system of a path is, in bytes, and how much of it is free to this user.
pub fn room(path: &Path) -> Result<(u64, u64)> {
    let found = rustix::fs::statvfs(path).map_err(Error::io("look at the file system of", path.display()))?;
    Ok((found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize))
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
        let file = Usage::default().add(&path("a")).unwrap();
        assert!(file >= SIZE as u64 && file <= one, "{file} of {one}");
        fs::hard_link(path("a"), path("b")).unwrap();
        assert_eq!(Usage::default().add(place.path()).unwrap(), one);
        assert_eq!(Usage::default().add(&path("gone")).unwrap(), 0);
        let copy = File::create(path("c")).unwrap();
        if let Err(errno) = rustix::fs::ioctl_ficlone(&copy, File::open(path("a")).unwrap()) {
            eprintln!("SKIP: files share no data here: {errno}");
            return;
        }
        copy.sync_all().unwrap();
        assert_eq!(Usage::default().add(place.path()).unwrap(), one);
        assert!(Usage::alone(&path("c")).unwrap() < SIZE as u64);
    }

    #[test]
    fn pieces_that_overlap_count_once() {
        let mut pieces = Pieces::default();
        for (start, end, known) in [
            (10, 20, 0),
            (10, 20, 10),
            (0, 5, 0),
            (5, 10, 0),
            (0, 30, 20),
            (40, 50, 0),
            (60, 70, 0),
            (45, 65, 10),
            (0, 100, 60),
        ] {
            assert_eq!(pieces.add(start, end), known, "{start}..{end}");
        }
        assert_eq!(pieces.0, BTreeMap::from([(0, 100)]));
    }
}

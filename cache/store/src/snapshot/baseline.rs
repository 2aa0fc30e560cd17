//! How a copied tree looked right after it was copied, so that what was written since can be told without reading it
//! all. Knows inodes and change times, which nobody can set back.

use super::whole::BlindSpots;
use crate::error::{Error, Result};
use crate::root_dir::{Dir, Meta, RootDir, Xattrs};
use rbuild_oci::{Cancel, Timestamp};
use rustix::fs::{AtFlags, StatxFlags};
use std::collections::BTreeMap;

/// The marks of all files of a tree, by path; the root's is empty.
#[derive(Debug)]
pub(super) struct Baseline {
    marks: BTreeMap<Vec<u8>, Mark>,
    /// The file system's clock when the last mark was taken.
    taken: Timestamp,
    blind: BlindSpots,
}

#[derive(Clone, Debug)]
struct Mark {
    ino: u64,
    ctime: Timestamp,
    /// When a directory was made, where the file system knows; tells a new one from an old one whose inode it got.
    born: Option<Timestamp>,
    several_names: bool,
    /// Its attributes, where changing them leaves no trace.
    xattrs: Option<Xattrs>,
}

impl Baseline {
    /// Takes the marks of a tree to which nothing writes at the moment. `clock` is the change time of a file of the
    /// same file system that was made after the tree.
    pub(super) fn take(root: &RootDir, clock: Timestamp, blind: BlindSpots, cancel: &Cancel) -> Result<Self> {
        let mut marks = BTreeMap::new();
        let top = root.top();
        marks.insert(Vec::new(), mark(top, b".", &top.stat(b".")?, blind)?);
        for entry in root.walk(b"")? {
            let entry = entry?;
            cancel.check()?;
            let mark = mark(entry.dir(), entry.name(), &entry.meta, blind)?;
            marks.insert(entry.path, mark);
        }
        Ok(Self { marks, taken: clock, blind })
    }

    /// Whether nobody can have touched the file since. What was made within the last tick of the clock before the
    /// baseline was taken is never trusted: a later change could have the same change time.
    pub(super) fn is_untouched(&self, path: &[u8], (dir, name): (&Dir, &[u8]), now: &Meta) -> Result<bool> {
        let same = |mark: &&Mark| mark.ino == now.ino && mark.ctime == now.ctime && mark.ctime < self.taken;
        let Some(mark) = self.marks.get(path).filter(same) else { return Ok(false) };
        Ok(mark.xattrs == attributes(dir, name, self.blind)?)
    }

    /// Whether the directory at the path is not the one that was copied.
    pub(super) fn is_replaced(&self, path: &[u8], dir: &Dir, name: &[u8], now: &Meta) -> Result<bool> {
        let Some(old) = self.marks.get(path) else { return Ok(true) };
        let new = mark(dir, name, now, BlindSpots::None)?;
        Ok(old.ino != new.ino || old.born != new.born)
    }

    /// Names that were one file, in order, grouped.
    pub(super) fn linked(&self) -> impl Iterator<Item = Vec<&[u8]>> {
        let mut files: BTreeMap<u64, Vec<&[u8]>> = BTreeMap::new();
        for (path, mark) in self.marks.iter().filter(|(_, mark)| mark.several_names) {
            files.entry(mark.ino).or_default().push(path);
        }
        files.into_values()
    }
}

fn mark(dir: &Dir, name: &[u8], meta: &Meta, blind: BlindSpots) -> Result<Mark> {
    let born = if meta.is_dir() { born(dir, name)? } else { None };
    let (several_names, xattrs) = (!meta.is_dir() && meta.nlink > 1, attributes(dir, name, blind)?);
    Ok(Mark { ino: meta.ino, ctime: meta.ctime, born, several_names, xattrs })
}

/// The attributes, where they have to be looked at.
fn attributes(dir: &Dir, name: &[u8], blind: BlindSpots) -> Result<Option<Xattrs>> {
    match blind {
        BlindSpots::None => Ok(None),
        BlindSpots::Attributes => dir.xattrs(name).map(Some),
    }
}

fn born(dir: &Dir, name: &[u8]) -> Result<Option<Timestamp>> {
    let stat = rustix::fs::statx(dir, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BTIME)
        .map_err(Error::io("stat", String::from_utf8_lossy(name)))?;
    let known = StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::BTIME);
    Ok(known.then_some(Timestamp { seconds: stat.stx_btime.tv_sec, nanos: stat.stx_btime.tv_nsec }))
}

//! Directory listings, sorted by name. Knows one directory at a time.

use super::dir::{Dir, sys};
use super::meta::FileKind;
use crate::error::Result;
use rustix::fs::{OFlags, RawDir};
use rustix::io::Errno;
use std::ops::Range;

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The name, one component.
    pub name: Vec<u8>,
    /// The type of the file behind it.
    pub kind: FileKind,
}

impl Dir {
    /// All names but `.` and `..`, sorted by their bytes.
    pub fn list(&self) -> Result<Vec<DirEntry>> {
        let mut names = self
            .raw_open_dir(b".", OFlags::RDONLY)
            .and_then(|open| open.list_once(&mut buffer()))
            .map_err(sys("list", b"."))?;
        let mut entries = Vec::with_capacity(names.places.len());
        while let Some((name, kind)) = names.next_name() {
            entries.push(DirEntry { name: name.to_vec(), kind });
        }
        Ok(entries)
    }

    /// Lists a handle that was opened for reading; to be called once on it, as the position in it is used up.
    pub(super) fn list_once(&self, buffer: &mut Vec<u8>) -> std::result::Result<Names, Errno> {
        let mut names = Names::default();
        let mut raw = RawDir::new(self, buffer.spare_capacity_mut());
        while let Some(entry) = raw.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let kind = match FileKind::of(entry.file_type()) {
                Some(kind) => kind,
                None => match self.raw_stat(name) {
                    // It has gone meanwhile.
                    Err(Errno::NOENT) => continue,
                    meta => meta?.kind,
                },
            };
            names.push(name, kind);
        }
        names.sort();
        Ok(names)
    }
}

/// The names in a directory and the types of the files behind them, in two pieces of memory however many they are.
#[derive(Debug, Default)]
pub(super) struct Names {
    bytes: Vec<u8>,
    places: Vec<(Range<usize>, FileKind)>,
    next: usize,
}

impl Names {
    /// The next name.
    pub(super) fn next_name(&mut self) -> Option<(&[u8], FileKind)> {
        let (place, kind) = self.places.get(self.next)?;
        self.next += 1;
        Some((&self.bytes[place.clone()], *kind))
    }

    fn push(&mut self, name: &[u8], kind: FileKind) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        self.places.push((start..self.bytes.len(), kind));
    }

    fn sort(&mut self) {
        let Self { bytes, places, .. } = self;
        places.sort_unstable_by(|(a, _), (b, _)| bytes[a.clone()].cmp(&bytes[b.clone()]));
    }
}

/// Room for one read of a directory.
pub(super) fn buffer() -> Vec<u8> {
    Vec::with_capacity(32 << 10)
}

//! Directory listings, sorted by name. Knows one directory at a time.

use super::dir::{Dir, sys};
use super::meta::FileKind;
use crate::error::Result;
use rustix::fs::{OFlags, RawDir};
use rustix::io::Errno;

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
        self.raw_open_dir(b".", OFlags::RDONLY)
            .and_then(|open| open.list_once(&mut buffer()))
            .map_err(sys("list", b"."))
    }

    /// Lists a handle that was opened for reading; to be called once on it, as the position in it is used up.
    pub(super) fn list_once(&self, buffer: &mut Vec<u8>) -> std::result::Result<Vec<DirEntry>, Errno> {
        let mut entries = Vec::new();
        let mut raw = RawDir::new(self, buffer.spare_capacity_mut());
        while let Some(entry) = raw.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let kind = match FileKind::of(entry.file_type()) {
                Some(kind) => kind,
                None => self.raw_stat(name)?.kind,
            };
            entries.push(DirEntry { name: name.to_vec(), kind });
        }
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }
}

/// Room for one read of a directory.
pub(super) fn buffer() -> Vec<u8> {
    Vec::with_capacity(32 << 10)
}

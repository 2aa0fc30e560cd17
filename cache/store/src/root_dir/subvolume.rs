//! Subvolumes of btrfs: made, copied and removed as a whole. Knows directories and names, not what is in them.

use super::dir::{Dir, sys};
use super::meta::Meta;
use super::raw;
use crate::error::Result;
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::os::fd::AsFd;

/// `BTRFS_SUPER_MAGIC` of linux/magic.h.
pub(crate) const BTRFS: u64 = 0x9123_683e;

impl Dir {
    /// Makes `name` an empty subvolume, where this is btrfs.
    pub(crate) fn create_subvolume(&self, name: &[u8]) -> Result<()> {
        let create = || raw::create_subvolume(self.raw_open_dir(b".", OFlags::RDONLY)?, name);
        create().map_err(sys("create subvolume", name))
    }

    /// Makes `name` a subvolume that holds what the one at `source` holds; subvolumes in it are empty directories.
    pub(crate) fn snapshot_subvolume(&self, source: &Self, name: &[u8]) -> Result<()> {
        let snapshot = || {
            let source = source.raw_open_dir(b".", OFlags::RDONLY)?;
            raw::snapshot_subvolume(source.as_fd(), self.raw_open_dir(b".", OFlags::RDONLY)?, name)
        };
        snapshot().map_err(sys("snapshot a subvolume as", name))
    }

    /// Removes the subvolume `name` and all in it at once; refused if there are other subvolumes in it.
    pub(crate) fn destroy_subvolume(&self, name: &[u8]) -> Result<()> {
        self.raw_destroy_subvolume(name).map_err(sys("remove subvolume", name))
    }

    pub(super) fn raw_destroy_subvolume(&self, name: &[u8]) -> std::result::Result<(), Errno> {
        raw::destroy_subvolume(self.raw_open_dir(b".", OFlags::RDONLY)?, name)
    }
}

/// Whether a directory may be the top of a subvolume: all of them have this number, and few other directories do.
pub(crate) fn may_be_subvolume(meta: &Meta) -> bool {
    const FIRST_FREE_OBJECTID: u64 = 256;
    meta.is_dir() && meta.ino == FIRST_FREE_OBJECTID
}

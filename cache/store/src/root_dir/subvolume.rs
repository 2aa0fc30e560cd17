//! Subvolumes of btrfs: made, copied and removed as a whole. Knows directories and names, not what is in them.

#![allow(unsafe_code)]

use super::dir::{Dir, checked, sys};
use super::meta::Meta;
use crate::error::Result;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::ioctl::{Opcode, Setter, ioctl, opcode};
use std::os::fd::{AsFd, AsRawFd};

/// `BTRFS_SUPER_MAGIC` of linux/magic.h.
pub(crate) const BTRFS: u64 = 0x9123_683e;

/// `btrfs_ioctl_vol_args_v2` of linux/btrfs.h.
#[repr(C)]
struct Arguments {
    fd: i64,
    transaction: u64,
    flags: u64,
    unused: [u64; 4],
    name: [u8; 4040],
}

/// `btrfs_ioctl_vol_args` of linux/btrfs.h.
#[repr(C)]
struct Name {
    fd: i64,
    name: [u8; 4088],
}

const GROUP: u8 = 0x94;
const SNAPSHOT: Opcode = opcode::write::<Arguments>(GROUP, 23);
const CREATE: Opcode = opcode::write::<Arguments>(GROUP, 24);
const DESTROY: Opcode = opcode::write::<Name>(GROUP, 15);

impl Dir {
    /// Makes `name` an empty subvolume, where this is btrfs.
    pub(crate) fn create_subvolume(&self, name: &[u8]) -> Result<()> {
        self.raw_make::<CREATE>(name, 0).map_err(sys("create subvolume", name))
    }

    /// Makes `name` a subvolume that holds what the one at `source` holds; subvolumes in it are empty directories.
    pub(crate) fn snapshot_subvolume(&self, source: &Self, name: &[u8]) -> Result<()> {
        let snapshot = || {
            let source = source.raw_open_dir(b".", OFlags::RDONLY)?;
            self.raw_make::<SNAPSHOT>(name, i64::from(source.as_fd().as_raw_fd()))
        };
        snapshot().map_err(sys("snapshot a subvolume as", name))
    }

    /// Removes the subvolume `name` and all in it at once; refused if there are other subvolumes in it.
    pub(crate) fn destroy_subvolume(&self, name: &[u8]) -> Result<()> {
        self.raw_destroy_subvolume(name).map_err(sys("remove subvolume", name))
    }

    pub(super) fn raw_destroy_subvolume(&self, name: &[u8]) -> std::result::Result<(), Errno> {
        let mut arguments = Name { fd: 0, name: [0; 4088] };
        put(&mut arguments.name, name)?;
        let dir = self.raw_open_dir(b".", OFlags::RDONLY)?;
        // SAFETY: DESTROY reads a `Name`, which has the layout of the kernel's structure and ends in a zero byte.
        unsafe { ioctl(&dir, Setter::<DESTROY, Name>::new(arguments)) }
    }

    fn raw_make<const OPERATION: Opcode>(&self, name: &[u8], fd: i64) -> std::result::Result<(), Errno> {
        let mut arguments = Arguments { fd, transaction: 0, flags: 0, unused: [0; 4], name: [0; 4040] };
        put(&mut arguments.name, name)?;
        let dir = self.raw_open_dir(b".", OFlags::RDONLY)?;
        // SAFETY: CREATE and SNAPSHOT read `Arguments`, which have the layout of the kernel's structure and end in a zero byte.
        unsafe { ioctl(&dir, Setter::<OPERATION, Arguments>::new(arguments)) }
    }
}

/// Whether a directory may be the top of a subvolume: all of them have this number, and few other directories do.
pub(crate) fn may_be_subvolume(meta: &Meta) -> bool {
    const FIRST_FREE_OBJECTID: u64 = 256;
    meta.is_dir() && meta.ino == FIRST_FREE_OBJECTID
}

fn put(place: &mut [u8], name: &[u8]) -> std::result::Result<(), Errno> {
    checked(name)?;
    let fits = place.len() > name.len() && !name.contains(&0);
    place.get_mut(..name.len()).filter(|_| fits).ok_or(Errno::NAMETOOLONG)?.copy_from_slice(name);
    Ok(())
}

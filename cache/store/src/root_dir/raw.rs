//! The requests to file systems that have no safe wrapper elsewhere: where data lies (FIEMAP), subvolumes (btrfs), data
//! begun to be brought to the disk. The only file of this crate with `unsafe`; knows descriptors and names, and decides
//! nothing.

#![allow(unsafe_code)]

use super::dir::checked;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use rustix::io::{Errno, Result};
use rustix::ioctl::{Opcode, Setter, Updater, ioctl, opcode};

/// `struct fiemap` of linux/fiemap.h without its extents.
#[repr(C)]
#[derive(Clone, Copy)]
struct Header {
    start: u64,
    length: u64,
    flags: u32,
    mapped: u32,
    count: u32,
    reserved: u32,
}

/// `struct fiemap_extent`: a piece of a file's data, in bytes.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Extent {
    /// Where it is in the file.
    pub(super) logical: u64,
    /// Where it is on the disk.
    pub(super) physical: u64,
    /// How long it is.
    pub(super) length: u64,
    reserved: [u64; 2],
    flags: u32,
    more: [u32; 3],
}

impl Extent {
    /// Whether it is the file's last.
    pub(super) const fn is_last(&self) -> bool {
        self.flags & 0x1 != 0
    }

    /// Whether other files hold it too.
    pub(super) const fn is_shared(&self) -> bool {
        self.flags & 0x2000 != 0
    }
}

const AT_ONCE: usize = 64;

#[repr(C)]
struct Request {
    header: Header,
    extents: [Extent; AT_ONCE],
}

const FIEMAP: Opcode = opcode::read_write::<Header>(b'f', 11);

/// The extents of a file from an offset on, some at once; none behind the last.
pub(super) fn extents(file: impl AsFd, start: u64) -> Result<Vec<Extent>> {
    let header = Header { start, length: u64::MAX - start, flags: 0, mapped: 0, count: AT_ONCE as u32, reserved: 0 };
    let mut request = Box::new(Request { header, extents: [Extent::default(); AT_ONCE] });
    // SAFETY: FIEMAP reads the header of a `Request`, which has the layout of the kernel's structure, and writes no more
    // extents behind it than `count` says there is room for.
    unsafe { ioctl(file, Updater::<FIEMAP, Request>::new(&mut request)) }?;
    Ok(request.extents.into_iter().take(request.header.mapped as usize).collect())
}

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

/// Makes an empty subvolume in a directory.
pub(super) fn create_subvolume(directory: impl AsFd, name: &[u8]) -> Result<()> {
    make::<CREATE>(directory, name, 0)
}

/// Makes a subvolume in a directory that holds what `source` holds.
pub(super) fn snapshot_subvolume(source: BorrowedFd<'_>, directory: impl AsFd, name: &[u8]) -> Result<()> {
    make::<SNAPSHOT>(directory, name, i64::from(source.as_raw_fd()))
}

/// Removes a subvolume from a directory.
pub(super) fn destroy_subvolume(directory: impl AsFd, name: &[u8]) -> Result<()> {
    let mut arguments = Name { fd: 0, name: [0; 4088] };
    put(&mut arguments.name, name)?;
    // SAFETY: DESTROY reads a `Name`, which has the layout of the kernel's structure and ends in a zero byte.
    unsafe { ioctl(directory, Setter::<DESTROY, Name>::new(arguments)) }
}

fn make<const OPERATION: Opcode>(directory: impl AsFd, name: &[u8], fd: i64) -> Result<()> {
    let mut arguments = Arguments { fd, transaction: 0, flags: 0, unused: [0; 4], name: [0; 4040] };
    put(&mut arguments.name, name)?;
    // SAFETY: CREATE and SNAPSHOT read `Arguments`, which have the layout of the kernel's structure and end in a zero
    // byte.
    unsafe { ioctl(directory, Setter::<OPERATION, Arguments>::new(arguments)) }
}

/// Has the kernel begin to bring a part of a file to the disk (sync_file_range(2)); waits for none of it.
pub(crate) fn begin_write_out(file: impl AsFd, start: i64, length: i64) -> Result<()> {
    // SAFETY: the call reads no memory of this process.
    match unsafe { libc::sync_file_range(file.as_fd().as_raw_fd(), start, length, libc::SYNC_FILE_RANGE_WRITE) } {
        0 => Ok(()),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)),
    }
}

fn put(place: &mut [u8], name: &[u8]) -> Result<()> {
    checked(name)?;
    let fits = place.len() > name.len() && !name.contains(&0);
    place.get_mut(..name.len()).filter(|_| fits).ok_or(Errno::NAMETOOLONG)?.copy_from_slice(name);
    Ok(())
}

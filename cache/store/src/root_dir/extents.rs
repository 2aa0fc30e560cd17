//! Where the data of a file lies on its disk, so that what files share is counted once. Knows one file at a time.

#![allow(unsafe_code)]

use rustix::io::Errno;
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};
use std::fs::File;
use std::os::fd::AsFd;

/// A piece of data that other files may hold too: its place on the disk and its length, in bytes.
pub(crate) type Shared = (u64, u64);

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

/// `struct fiemap_extent`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Extent {
    logical: u64,
    physical: u64,
    length: u64,
    reserved: [u64; 2],
    flags: u32,
    more: [u32; 3],
}

const AT_ONCE: usize = 64;

#[repr(C)]
struct Request {
    header: Header,
    extents: [Extent; AT_ONCE],
}

const FIEMAP: Opcode = opcode::read_write::<Header>(b'f', 11);
const LAST: u32 = 0x1;
const SHARED: u32 = 0x2000;

/// The pieces of a file that others hold too; none where the file system does not tell.
pub(crate) fn shared(file: &File) -> Vec<Shared> {
    let mut found = Vec::new();
    let mut start = 0;
    while let Ok(Some(request)) = extents_from(file, start) {
        let mapped = &request.extents[..(request.header.mapped as usize).min(AT_ONCE)];
        let pieces = mapped.iter().filter(|extent| extent.flags & SHARED != 0);
        found.extend(pieces.map(|extent| (extent.physical, extent.length)));
        match mapped.last() {
            Some(extent) if extent.flags & LAST == 0 => start = extent.logical + extent.length,
            _ => break,
        }
    }
    found
}

fn extents_from(file: &File, start: u64) -> Result<Option<Box<Request>>, Errno> {
    let header = Header { start, length: u64::MAX - start, flags: 0, mapped: 0, count: AT_ONCE as u32, reserved: 0 };
    let mut request = Box::new(Request { header, extents: [Extent::default(); AT_ONCE] });
    // SAFETY: FIEMAP reads the header of a `Request`, which has the layout of the kernel's structure, and writes no more
    // extents behind it than `count` says there is room for.
    unsafe { ioctl(file.as_fd(), Updater::<FIEMAP, Request>::new(&mut request)) }?;
    Ok((request.header.mapped > 0).then_some(request))
}

//! Steps that take something from the container's sight or from its writes. Knows no user and no program.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, FileType, fstat};

use super::filesystem::{Fresh, fresh};
use super::mounts::move_to;
use super::target::find;
use crate::plan::MountFlags;
use crate::sys::{self, MountAttributes};
use crate::tree::clone_tree;

/// Hides what is at `path`: a file reads as empty, a directory has no entries. What does not exist needs no hiding.
pub(super) fn mask(root: BorrowedFd<'_>, path: &[u8]) -> io::Result<()> {
    let Some(place) = find(root, path)? else { return Ok(()) };
    if FileType::from_raw_mode(fstat(&place)?.st_mode) == FileType::Directory {
        let flags = MountFlags::READ_ONLY.and(MountFlags::NOSUID).and(MountFlags::NODEV).and(MountFlags::NOEXEC);
        let options = [(b"size".to_vec(), b"4k".to_vec())];
        return move_to(&fresh(&Fresh { fs: b"tmpfs", options: &options, flags })?, &place);
    }
    move_to(&clone_tree(CWD, b"/dev/null")?, &place)
}

/// Refuses writes at and below `path`, if it exists.
pub(super) fn read_only(root: BorrowedFd<'_>, path: &[u8]) -> io::Result<()> {
    let Some(place) = find(root, path)? else { return Ok(()) };
    let copy = clone_tree(&place, b"")?;
    seal(&copy, true)?;
    move_to(&copy, &place)
}

/// Refuses writes to the rootfs; mounts below it keep their own access.
pub(super) fn read_only_root(root: BorrowedFd<'_>) -> io::Result<()> {
    seal(&root.as_fd().try_clone_to_owned()?, false)
}

fn seal(mounted: &OwnedFd, recursive: bool) -> io::Result<()> {
    let set = rustix::mount::MountAttrFlags::MOUNT_ATTR_RDONLY.bits().into();
    sys::mount_setattr(mounted, MountAttributes { set, propagation: 0, recursive })
}

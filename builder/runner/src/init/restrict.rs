//! Steps that take something from the container's writes. Knows no user and no program.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::mounts::move_to;
use super::target::find;
use crate::sys::{self, MountAttributes};
use crate::tree::clone_tree;

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

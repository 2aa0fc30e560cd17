//! Mount points that a run had to make in its rootfs, and how to take them away again. Knows no mount.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Timespec, Timestamps, UTIME_OMIT, fstat, futimens, openat,
    openat2, statat, unlinkat,
};
use rustix::io::Errno;

use crate::error::{Error, Result};

/// A file or directory made only to mount something on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stub {
    /// Where, relative to the root, without symlinks or `..`.
    pub path: Vec<u8>,
    /// A directory, else an empty file.
    pub directory: bool,
    /// The parent's mtime before it was made: seconds and nanoseconds.
    pub parent_before: (i64, u32),
    /// The parent's mtime after it was made.
    pub parent_after: (i64, u32),
}

/// Removes stubs from the directory that took a container's writes (an overlay's upper directory, or the rootfs
/// itself), last made first, and gives their parents the old mtime back where nothing else happened in them. What the
/// program has since filled, replaced or removed stays as it left it.
pub fn remove_stubs(writable: &Path, stubs: &[Stub]) -> Result<()> {
    let open = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, writable, open, Mode::empty())
        .map_err(|errno| Error::io("open", writable.display().to_string(), errno))?;
    for stub in stubs.iter().rev() {
        remove(&root, stub).map_err(|errno| {
            let path = String::from_utf8_lossy(&stub.path);
            Error::io("remove mount point", format!("{}/{path}", writable.display()), errno)
        })?;
    }
    Ok(())
}

fn remove(root: &OwnedFd, stub: &Stub) -> rustix::io::Result<()> {
    let (parent, name) = match stub.path.iter().rposition(|&b| b == b'/') {
        Some(cut) => (&stub.path[..cut], &stub.path[cut + 1..]),
        None => (&b"."[..], &stub.path[..]),
    };
    let open = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let parent = match openat2(root, parent, open, Mode::empty(), ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS) {
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
        other => other?,
    };
    let stat = fstat(&parent)?;
    let now = (stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or_default());
    if !is_as_made(&parent, name, stub.directory)? {
        return Ok(());
    }
    match unlinkat(&parent, name, if stub.directory { AtFlags::REMOVEDIR } else { AtFlags::empty() }) {
        Ok(()) => set_mtime(&parent, if now == stub.parent_after { stub.parent_before } else { now }),
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
        Err(errno) => Err(errno),
    }
}

fn is_as_made(parent: &OwnedFd, name: &[u8], directory: bool) -> rustix::io::Result<bool> {
    match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => directory,
            FileType::RegularFile => !directory && stat.st_size == 0,
            _ => false,
        }),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

fn set_mtime(directory: &OwnedFd, (seconds, nanoseconds): (i64, u32)) -> rustix::io::Result<()> {
    let keep = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let mtime = Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() };
    futimens(directory, &Timestamps { last_access: keep, last_modification: mtime })
}

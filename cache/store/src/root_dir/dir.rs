//! One open directory and what can be done to a single name in it. A name is one component, never `..`, and no
//! operation follows a symbolic link, so nothing here can leave the directory. Knows no root and resolves no path.

use super::meta::{Device, FileKind, Meta};
use crate::error::{Error, Result};
use rbuild_oci::Timestamp;
use rustix::fs::{AtFlags, Gid, Mode, OFlags, StatxFlags, Timespec, Timestamps, Uid};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// A handle on one directory; clones share it. Every method takes a name of one component (or `.`, the directory
/// itself) and refuses anything else; none follows a symbolic link.
#[derive(Clone, Debug)]
pub struct Dir(Arc<OwnedFd>);

impl Dir {
    /// The metadata of `name`.
    pub fn stat(&self, name: &[u8]) -> Result<Meta> {
        checked(name).and_then(|()| self.raw_stat(name)).map_err(sys("stat", name))
    }

    /// The directory `name`.
    pub fn open_dir(&self, name: &[u8]) -> Result<Self> {
        checked(name).and_then(|()| self.raw_open_dir(name, OFlags::PATH)).map_err(sys("open directory", name))
    }

    /// The regular file `name`, for reading. Anything else is refused; a pipe does not block.
    pub fn open_file(&self, name: &[u8]) -> Result<File> {
        self.open_seen(name).map(|(file, _)| file)
    }

    /// As [`Dir::open_file`], with the metadata of what was opened.
    pub fn open_seen(&self, name: &[u8]) -> Result<(File, Meta)> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || {
            checked(name)?;
            let file = rustix::fs::openat(self, name, flags, Mode::empty()).map_err(|errno| match errno {
                Errno::LOOP | Errno::NXIO => Errno::INVAL,
                other => other,
            })?;
            let meta = stat_fd(&file)?;
            if meta.is_file() { Ok((File::from(file), meta)) } else { Err(Errno::INVAL) }
        };
        open().map_err(sys("open regular file", name))
    }

    /// A new regular file, open for reading and writing; fails if the name is taken. `mode` is subject to the umask.
    pub fn create_file(&self, name: &[u8], mode: u32) -> Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        checked(name)
            .and_then(|()| rustix::fs::openat(self, name, flags, bits(mode)))
            .map(File::from)
            .map_err(sys("create", name))
    }

    /// The target of the symbolic link `name`, as stored.
    pub fn readlink(&self, name: &[u8]) -> Result<Vec<u8>> {
        checked(name)
            .and_then(|()| rustix::fs::readlinkat(self, name, Vec::with_capacity(256)))
            .map(std::ffi::CString::into_bytes)
            .map_err(sys("read link", name))
    }

    /// Makes the directory `name`; `mode` is subject to the umask.
    pub fn mkdir(&self, name: &[u8], mode: u32) -> Result<()> {
        checked(name).and_then(|()| rustix::fs::mkdirat(self, name, bits(mode))).map_err(sys("create directory", name))
    }

    /// Makes the symbolic link `name` with that target, which is not looked at.
    pub fn symlink(&self, target: &[u8], name: &[u8]) -> Result<()> {
        checked(name).and_then(|()| rustix::fs::symlinkat(target, self, name)).map_err(sys("create link", name))
    }

    /// Makes `new_name` in `new_dir` a further name of `name`, which may be a symbolic link.
    pub fn hardlink(&self, name: &[u8], new_dir: &Self, new_name: &[u8]) -> Result<()> {
        checked(name)
            .and_then(|()| checked(new_name))
            .and_then(|()| rustix::fs::linkat(self, name, new_dir, new_name, AtFlags::empty()))
            .map_err(sys("hard link", new_name))
    }

    /// Makes a device, pipe, socket or empty file; `mode` is subject to the umask, `device` only counts for devices.
    pub fn mknod(&self, name: &[u8], kind: FileKind, mode: u32, device: Device) -> Result<()> {
        let number = rustix::fs::makedev(device.major, device.minor);
        checked(name)
            .and_then(|()| rustix::fs::mknodat(self, name, kind.file_type(), bits(mode), number))
            .map_err(sys("create node", name))
    }

    /// Renames `name` to `new_name` in `new_dir`, replacing what is there.
    pub fn rename(&self, name: &[u8], new_dir: &Self, new_name: &[u8]) -> Result<()> {
        checked(name)
            .and_then(|()| checked(new_name))
            .and_then(|()| rustix::fs::renameat(self, name, new_dir, new_name))
            .map_err(sys("rename", name))
    }

    /// Removes a name that is no directory.
    pub fn remove(&self, name: &[u8]) -> Result<()> {
        checked(name).and_then(|()| rustix::fs::unlinkat(self, name, AtFlags::empty())).map_err(sys("remove", name))
    }

    /// Removes an empty directory.
    pub fn remove_dir(&self, name: &[u8]) -> Result<()> {
        checked(name)
            .and_then(|()| rustix::fs::unlinkat(self, name, AtFlags::REMOVEDIR))
            .map_err(sys("remove directory", name))
    }

    /// Sets owner and group.
    pub fn chown(&self, name: &[u8], uid: u32, gid: u32) -> Result<()> {
        let (owner, group) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        checked(name)
            .and_then(|()| rustix::fs::chownat(self, name, owner, group, AtFlags::SYMLINK_NOFOLLOW))
            .map_err(sys("change owner of", name))
    }

    /// Sets the 12 mode bits, past the umask. A symbolic link has none: it is refused.
    pub fn chmod(&self, name: &[u8], mode: u32) -> Result<()> {
        checked(name).and_then(|()| self.raw_chmod(name, mode)).map_err(sys("change mode of", name))
    }

    /// Sets the modification time, and the access time to the same.
    pub fn set_times(&self, name: &[u8], mtime: Timestamp) -> Result<()> {
        let time = Timespec { tv_sec: mtime.seconds, tv_nsec: i64::from(mtime.nanos) };
        let times = Timestamps { last_access: time, last_modification: time };
        checked(name)
            .and_then(|()| rustix::fs::utimensat(self, name, &times, AtFlags::SYMLINK_NOFOLLOW))
            .map_err(sys("set times of", name))
    }

    pub(super) fn new(fd: OwnedFd) -> Self {
        Self(Arc::new(fd))
    }

    pub(super) fn raw_stat(&self, name: &[u8]) -> std::result::Result<Meta, Errno> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        rustix::fs::statx(self, name, flags, StatxFlags::BASIC_STATS).map(Meta::from)
    }

    /// `access` is PATH for a handle only, RDONLY for one that can be listed.
    pub(super) fn raw_open_dir(&self, name: &[u8], access: OFlags) -> std::result::Result<Self, Errno> {
        let flags = access | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(self, name, flags, Mode::empty()).map(Self::new)
    }

    /// Through /proc, because fchmodat(2) follows links and fchmodat2(2) is too young to rely on.
    pub(super) fn raw_chmod(&self, name: &[u8], mode: u32) -> std::result::Result<(), Errno> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(self, name, flags, Mode::empty())?;
        rustix::fs::chmod(proc_path(&file), bits(mode))
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The name under which the kernel lets an open file be reached again.
pub(super) fn proc_path(file: &impl AsFd) -> String {
    format!("/proc/self/fd/{}", file.as_fd().as_raw_fd())
}

/// The metadata of what is open.
pub(super) fn stat_fd(file: &impl AsFd) -> std::result::Result<Meta, Errno> {
    rustix::fs::statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS).map(Meta::from)
}

/// A name of one component that cannot lead anywhere else.
pub(super) fn checked(name: &[u8]) -> std::result::Result<(), Errno> {
    if name.is_empty() || name == b".." || name.contains(&b'/') { Err(Errno::INVAL) } else { Ok(()) }
}

/// Makes the error of an operation on `name`; the text is only built when it fails.
pub(super) fn sys(operation: &'static str, name: &[u8]) -> impl FnOnce(Errno) -> Error {
    move |errno| Error::Io { operation, subject: String::from_utf8_lossy(name).into_owned(), source: errno.into() }
}

const fn bits(mode: u32) -> Mode {
    Mode::from_bits_truncate(mode & 0o7777)
}

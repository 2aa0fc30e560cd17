//! `RootDir`: the only way into any rootfs, context or snapshot. Names are bytes, resolved by the kernel inside the
//! root (openat2 with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS, Linux 5.6): an absolute link or one with too many `..`
//! ends up inside, as it would after chroot(2). Knows nothing of layers or keys.
//!
//! `dir` acts on one name of one open directory; `list`, `walk` and `remove` go further down from there.

mod cursor;
mod descent;
mod dir;
mod extents;
mod list;
mod meta;
mod raw;
mod remove;
mod subvolume;
mod walk;
mod xattr;
mod xattrs;

pub use cursor::Cursor;
pub use dir::Dir;
pub(crate) use extents::shared;
pub use list::DirEntry;
pub use meta::{Device, FileKind, Meta};
pub(crate) use raw::begin_write_out;
pub(crate) use subvolume::{BTRFS, may_be_subvolume};
pub use walk::{Walk, WalkEntry};
pub use xattrs::Xattrs;

use crate::error::{Error, Result};
use dir::{proc_path, stat_fd, sys};
use rbuild_oci::Timestamp;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// A directory that nothing reached through it can leave; clones share one handle. Paths are relative to it, `/`
/// between components; a leading `/` means the root itself. Symbolic links in the middle of a path are followed inside
/// the root, one at its end is not, unless the method says so.
#[derive(Clone, Debug)]
pub struct RootDir {
    top: Dir,
}

impl RootDir {
    /// The root at `path` of the machine.
    pub fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(Error::io("open directory", path.display()))?;
        Ok(Self { top: Dir::new(fd) })
    }

    /// The root at a directory that is open.
    pub(crate) const fn of(top: Dir) -> Self {
        Self { top }
    }

    /// The root itself as a directory.
    pub const fn top(&self) -> &Dir {
        &self.top
    }

    /// A root of its own at the directory `path`: links can no longer lead to what is above it.
    pub fn subroot(&self, path: &[u8]) -> Result<Self> {
        Ok(Self::of(self.open_dir(path)?))
    }

    /// The directory `path`, links followed.
    pub fn open_dir(&self, path: &[u8]) -> Result<Dir> {
        self.resolve(path, OFlags::PATH | OFlags::DIRECTORY).map(Dir::new).map_err(sys("open directory", path))
    }

    /// A handle (O_PATH) on whatever `path` is, links followed.
    pub fn open_path(&self, path: &[u8]) -> Result<OwnedFd> {
        self.resolve(path, OFlags::PATH).map_err(sys("open", path))
    }

    /// The regular file `path`, links followed, for reading. Anything else is refused without being opened.
    pub fn open_file(&self, path: &[u8]) -> Result<File> {
        let open = || {
            let handle = self.resolve(path, OFlags::PATH)?;
            if !stat_fd(&handle)?.is_file() {
                return Err(Errno::INVAL);
            }
            rustix::fs::open(proc_path(&handle), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        };
        open().map(File::from).map_err(sys("open regular file", path))
    }

    /// The metadata of `path`, links followed.
    pub fn stat_following(&self, path: &[u8]) -> Result<Meta> {
        self.resolve(path, OFlags::PATH).and_then(|handle| stat_fd(&handle)).map_err(sys("stat", path))
    }

    /// The metadata of `path`.
    pub fn stat(&self, path: &[u8]) -> Result<Meta> {
        self.at("stat", path, Dir::stat)
    }

    /// A new regular file, open for reading and writing; fails if the name is taken. `mode` is subject to the umask.
    pub fn create_file(&self, path: &[u8], mode: u32) -> Result<File> {
        self.at("create", path, |dir, name| dir.create_file(name, mode))
    }

    /// The target of a symbolic link, as stored.
    pub fn readlink(&self, path: &[u8]) -> Result<Vec<u8>> {
        self.at("read link", path, Dir::readlink)
    }

    /// Makes one directory; `mode` is subject to the umask.
    pub fn mkdir(&self, path: &[u8], mode: u32) -> Result<()> {
        self.at("create directory", path, |dir, name| dir.mkdir(name, mode))
    }

    /// Makes the symbolic link `path` with that target, which is not looked at.
    pub fn symlink(&self, target: &[u8], path: &[u8]) -> Result<()> {
        self.at("create link", path, |dir, name| dir.symlink(target, name))
    }

    /// Makes `new` a further name of `old`, which may be a symbolic link.
    pub fn hardlink(&self, old: &[u8], new: &[u8]) -> Result<()> {
        self.at("hard link", old, |old_dir, old_name| {
            self.at("hard link", new, |new_dir, new_name| old_dir.hardlink(old_name, new_dir, new_name))
        })
    }

    /// Makes a device, pipe, socket or empty file; `mode` is subject to the umask, `device` only counts for devices.
    pub fn mknod(&self, path: &[u8], kind: FileKind, mode: u32, device: Device) -> Result<()> {
        self.at("create node", path, |dir, name| dir.mknod(name, kind, mode, device))
    }

    /// Renames `old` to `new`, replacing what is there.
    pub fn rename(&self, old: &[u8], new: &[u8]) -> Result<()> {
        self.at("rename", new, |new_dir, new_name| {
            self.at("rename", old, |old_dir, old_name| old_dir.rename(old_name, new_dir, new_name))
        })
    }

    /// Removes what is no directory.
    pub fn remove(&self, path: &[u8]) -> Result<()> {
        self.at("remove", path, Dir::remove)
    }

    /// Removes an empty directory.
    pub fn remove_dir(&self, path: &[u8]) -> Result<()> {
        self.at("remove directory", path, Dir::remove_dir)
    }

    /// Removes `path` and, if it is a directory, all in it, following no link. Fine if it is not there.
    pub fn remove_tree(&self, path: &[u8]) -> Result<()> {
        match self.at("remove tree", path, Dir::remove_tree) {
            Err(error) if error.is_not_found() => Ok(()),
            other => other,
        }
    }

    /// All names in the directory at `path` of the host, sorted by their bytes.
    pub fn list_at(path: &Path) -> Result<Vec<DirEntry>> {
        Self::open(path)?.top.list().map_err(|error| error.about(path.as_os_str().as_encoded_bytes()))
    }

    /// All names in the directory `path`, links followed, sorted by their bytes.
    pub fn list(&self, path: &[u8]) -> Result<Vec<DirEntry>> {
        self.open_dir(path)?.list().map_err(|error| error.about(path))
    }

    /// Everything below the directory `path`, links to it followed, in sorted order. See [`Walk`].
    pub fn walk(&self, path: &[u8]) -> Result<Walk> {
        Walk::new(&self.open_dir(path)?).map_err(sys("list", path))
    }

    /// All extended attributes that the caller may see; none on a file system without them.
    pub fn xattrs(&self, path: &[u8]) -> Result<Xattrs> {
        self.at("read attributes of", path, Dir::xattrs)
    }

    /// The value of one extended attribute; none if it is not set.
    pub fn get_xattr(&self, path: &[u8], attribute: &[u8]) -> Result<Option<Vec<u8>>> {
        self.at("read an attribute of", path, |dir, name| dir.get_xattr(name, attribute))
    }

    /// Sets one extended attribute, replacing its value.
    pub fn set_xattr(&self, path: &[u8], attribute: &[u8], value: &[u8]) -> Result<()> {
        self.at("set an attribute of", path, |dir, name| dir.set_xattr(name, attribute, value))
    }

    /// Removes one extended attribute; fine if it is not set.
    pub fn remove_xattr(&self, path: &[u8], attribute: &[u8]) -> Result<()> {
        self.at("remove an attribute of", path, |dir, name| dir.remove_xattr(name, attribute))
    }

    /// Sets owner and group.
    pub fn chown(&self, path: &[u8], uid: u32, gid: u32) -> Result<()> {
        self.at("change owner of", path, |dir, name| dir.chown(name, uid, gid))
    }

    /// Sets the 12 mode bits, past the umask. A symbolic link has none: it is refused.
    pub fn chmod(&self, path: &[u8], mode: u32) -> Result<()> {
        self.at("change mode of", path, |dir, name| dir.chmod(name, mode))
    }

    /// Sets the modification time, and the access time to the same.
    pub fn set_times(&self, path: &[u8], mtime: Timestamp) -> Result<()> {
        self.at("set times of", path, |dir, name| dir.set_times(name, mtime))
    }

    /// Resolves the parent of `path` inside the root and acts on the last component there; errors name `path`.
    fn at<T>(&self, operation: &'static str, path: &[u8], act: impl FnOnce(&Dir, &[u8]) -> Result<T>) -> Result<T> {
        let (parent, name) = split(path);
        if parent.is_empty() {
            return act(&self.top, name).map_err(|error| error.about(path));
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let dir = self.resolve(parent, flags).map(Dir::new).map_err(sys(operation, path))?;
        act(&dir, name).map_err(|error| error.about(path))
    }

    fn resolve(&self, path: &[u8], flags: OFlags) -> std::result::Result<OwnedFd, Errno> {
        let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        if path.len() < CHUNK {
            return open_within(&self.top, path, flags, inside);
        }
        self.resolve_long(path, flags)
    }

    /// A path that the kernel does not take at once. Links are followed in its first [`CHUNK`] bytes only: after that
    /// the root is no longer known to the kernel, so a link is refused (ELOOP), and so is a `..` that climbs back.
    fn resolve_long(&self, path: &[u8], flags: OFlags) -> std::result::Result<OwnedFd, Errno> {
        let mut resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let (mut dir, mut rest) = (self.top.clone(), path);
        while rest.len() >= CHUNK {
            let end = rest[..CHUNK].iter().rposition(|byte| *byte == b'/').ok_or(Errno::NAMETOOLONG)?;
            let piece = if end == 0 { b"/" } else { &rest[..end] };
            dir = Dir::new(open_within(&dir, piece, OFlags::PATH | OFlags::DIRECTORY, resolve)?);
            rest = &rest[end + 1..];
            resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        }
        open_within(&dir, rest, flags, resolve)
    }
}

impl AsFd for RootDir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.top.as_fd()
    }
}

/// Bytes of a path that are given to the kernel at once; it takes less than 4,096.
const CHUNK: usize = 4_000;

/// openat2(2), tried again where a rename elsewhere made the kernel unsure of a `..`.
fn open_within(dir: &Dir, path: &[u8], flags: OFlags, resolve: ResolveFlags) -> std::result::Result<OwnedFd, Errno> {
    const TRIES: usize = 1_000;
    let path = if path.is_empty() { b"." } else { path };
    for _ in 0..TRIES {
        match rustix::fs::openat2(dir, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return other,
        }
    }
    Err(Errno::AGAIN)
}

/// The directory to resolve and the name to act on there; `.` where the path ends in no name of its own.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    let path = &path[..end];
    let name_at = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    match &path[name_at..] {
        b"" | b"." | b".." => (path, b"."),
        name => (&path[..name_at], name),
    }
}

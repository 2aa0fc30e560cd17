//! Finds, or makes, a place inside a rootfs: symlinks are followed as the container would follow them, and nothing
//! leads out of it. Knows no mount.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, Statx, StatxFlags, mkdirat, openat, openat2, readlinkat, statx};
use rustix::io::Errno;

use crate::stub::Stub;

/// What a missing place becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    File,
}

/// A place that can be mounted on.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) fd: OwnedFd,
    /// What had to be made, as far as it lies in the rootfs itself and not in a mount below it.
    pub(super) stubs: Vec<Stub>,
}

/// As many symlinks as the kernel follows in one path.
const MAX_LINKS: usize = 40;

/// Opens `path` below `root` if it exists.
pub(super) fn find(root: impl AsFd, path: &[u8]) -> io::Result<Option<OwnedFd>> {
    match open(root, path, ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Opens `path` below `root`, making it and its parents when missing.
pub(super) fn find_or_make(root: impl AsFd, path: &[u8], kind: Kind) -> io::Result<Place> {
    let root = root.as_fd();
    match open(root, path, ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS) {
        Ok(fd) => return Ok(Place { fd, stubs: Vec::new() }),
        Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    match make_last(root, path, kind)? {
        Some(place) => Ok(place),
        None => make_all(root, &resolve(root, path)?, kind),
    }
}

/// Makes what is missing of a path where that is its last name alone and no symlink leads there; `None` where it is not so.
fn make_last(root: BorrowedFd<'_>, path: &[u8], kind: Kind) -> io::Result<Option<Place>> {
    let mut names: Vec<Vec<u8>> = split(path).collect();
    let Some(name) = names.pop() else { return Ok(None) };
    if name == b".." || names.iter().any(|name| name == b"..") {
        return Ok(None);
    }
    let Ok(parent) = open_exact(root, &names.join(&b'/')) else { return Ok(None) };
    names.push(name);
    match make_in(&parent, &names, kind == Kind::Directory, mount_id(root)?) {
        // A symlink that leads to what is missing.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        made => Ok(Some(Place { stubs: Vec::from_iter(made?), fd: open_exact(&parent, &names[names.len() - 1])? })),
    }
}

/// Makes what is missing of a path that was resolved.
fn make_all(root: BorrowedFd<'_>, resolved: &[Vec<u8>], kind: Kind) -> io::Result<Place> {
    let root_mount = mount_id(root)?;
    let mut stubs = Vec::new();
    for depth in 1..=resolved.len() {
        let Err(errno) = open_exact(root, &resolved[..depth].join(&b'/')) else { continue };
        if errno != Errno::NOENT {
            return Err(errno.into());
        }
        let parent = open_exact(root, &resolved[..depth - 1].join(&b'/'))?;
        let directory = depth < resolved.len() || kind == Kind::Directory;
        stubs.extend(make_in(&parent, &resolved[..depth], directory, root_mount)?);
    }
    Ok(Place { fd: open_exact(root, &resolved.join(&b'/'))?, stubs })
}

/// Makes the last of `names` in `parent`; a stub where that lies in the rootfs itself.
fn make_in(parent: &OwnedFd, names: &[Vec<u8>], directory: bool, root_mount: u64) -> io::Result<Option<Stub>> {
    let before = stat(parent)?;
    make(parent, &names[names.len() - 1], directory)?;
    if before.stx_mnt_id != root_mount {
        return Ok(None);
    }
    let (parent_before, parent_after) = (mtime(&before), mtime(&stat(parent)?));
    Ok(Some(Stub { path: names.join(&b'/'), directory, parent_before, parent_after }))
}

fn make(parent: &OwnedFd, name: &[u8], directory: bool) -> io::Result<()> {
    if directory {
        mkdirat(parent, name, Mode::from_raw_mode(0o755))?;
    } else {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        openat(parent, name, flags, Mode::from_raw_mode(0o644))?;
    }
    Ok(())
}

/// The components `path` really has below `root`: no symlink, no `..`; the tail may be missing.
fn resolve(root: impl AsFd, path: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let root = root.as_fd();
    let (mut done, mut links) = (Vec::<Vec<u8>>::new(), 0);
    let mut todo: VecDeque<Vec<u8>> = split(path).collect();
    while let Some(name) = todo.pop_front() {
        if name == b".." {
            done.pop();
            continue;
        }
        match open_exact(root, &done.join(&b'/')).and_then(|dir| readlinkat(dir, name.as_slice(), Vec::new())) {
            Ok(link) => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Errno::LOOP.into());
                }
                if link.as_bytes().starts_with(b"/") {
                    done.clear();
                }
                split(link.as_bytes()).rev().for_each(|part| todo.push_front(part));
            }
            Err(Errno::INVAL | Errno::NOENT) => done.push(name),
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(done)
}

fn split(path: &[u8]) -> impl DoubleEndedIterator<Item = Vec<u8>> {
    path.split(|&b| b == b'/').filter(|part| !part.is_empty() && *part != b".").map(<[u8]>::to_vec)
}

/// Opens a path that was resolved; a symlink that appeared since is refused.
fn open_exact(root: impl AsFd, path: &[u8]) -> rustix::io::Result<OwnedFd> {
    open(root, path, ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS)
}

/// openat2(2), tried again where a rename anywhere on the machine made the kernel unsure of a `..`.
fn open(root: impl AsFd, path: &[u8], resolve: ResolveFlags) -> rustix::io::Result<OwnedFd> {
    const TRIES: usize = 1_000;
    let path = if path.is_empty() { b"." } else { path };
    for _ in 0..TRIES {
        match openat2(root.as_fd(), path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return other,
        }
    }
    Err(Errno::AGAIN)
}

fn stat(fd: &OwnedFd) -> io::Result<Statx> {
    Ok(statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::MTIME | StatxFlags::MNT_ID)?)
}

fn mtime(stat: &Statx) -> (i64, u32) {
    (stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec)
}

fn mount_id(fd: impl AsFd) -> io::Result<u64> {
    Ok(statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?.stx_mnt_id)
}

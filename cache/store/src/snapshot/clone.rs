//! Copies of files and whole trees, with everything lstat and xattrs show; data is shared where the file system can
//! (FICLONE), else copied inside the kernel, holes kept. Knows no snapshot.

use crate::error::{Error, Result};
use crate::layer::{Recorded, is_internal_xattr, show_path, split_path};
use crate::root_dir::{Cursor, Dir, FileKind, Meta, RootDir, Xattrs};
use rbuild_oci::Cancel;
use rustix::fs::SeekFrom;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, Write};

/// What becomes of the data of copied files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// It is shared if the file system can, else copied.
    Any,
    /// It is shared; a file system that cannot is an error.
    Shared,
    /// It is copied.
    Copied,
}

/// Copies all of `from` into the empty directory `to`, owners, modes, times, attributes and the root's own metadata
/// included. Hard links stay links; marks of overlayfs are left out.
pub fn clone_tree(from: &RootDir, to: &RootDir, cancel: &Cancel) -> Result<()> {
    clone_tree_as(Data::Any, from, to, cancel)
}

/// The same, with a say in what becomes of the data.
pub(super) fn clone_tree_as(data: Data, from: &RootDir, to: &RootDir, cancel: &Cancel) -> Result<()> {
    let mut cloner = Cloner { cancel, data };
    let mut first_names: BTreeMap<(u64, u64), Vec<u8>> = BTreeMap::new();
    let (mut directories, mut targets) = (Vec::new(), Cursor::new(to));
    for found in from.walk(b"")? {
        let found = found?;
        cancel.check()?;
        let (dir, name, meta) = (found.dir(), found.name(), &found.meta);
        let target = targets.directory(split_path(&found.path).0)?;
        if meta.is_dir() {
            target.mkdir(name, 0o700)?;
            copy_meta((dir, name, meta), (&target, name))?;
            directories.push((found.path.clone(), meta.mtime));
            continue;
        }
        if meta.nlink > 1 {
            if let Some(first) = first_names.get(&meta.id()) {
                to.hardlink(first, &found.path)?;
                continue;
            }
            first_names.insert(meta.id(), found.path.clone());
        }
        cloner.copy((dir, name, meta), (&target, name)).map_err(|error| error.about(&found.path))?;
    }
    let top = from.top();
    copy_meta((top, b".", &top.stat(b".")?), (to.top(), b"."))?;
    directories.iter().rev().try_for_each(|(path, mtime)| to.set_times(path, *mtime))?;
    to.top().set_times(b".", top.stat(b".")?.mtime)
}

/// Copies one file that is no directory to a name that is free.
pub(super) fn clone_file(from: (&Dir, &[u8], &Meta), to: (&Dir, &[u8]), cancel: &Cancel) -> Result<()> {
    Cloner { cancel, data: Data::Any }.copy(from, to)
}

/// Gives a file the owner, mode, attributes and time of another. Marks of overlayfs are not copied.
pub(super) fn copy_meta(from: (&Dir, &[u8], &Meta), to: (&Dir, &[u8])) -> Result<()> {
    let ((from, from_name, meta), (to, name)) = (from, to);
    to.chown(name, meta.uid, meta.gid)?;
    if meta.kind != FileKind::Symlink {
        to.chmod(name, meta.mode)?;
    }
    let wanted: Xattrs = from.xattrs(from_name)?.into_iter().filter(|(name, _)| !is_mark(name)).collect();
    for old in to.list_xattrs(name)? {
        if !is_mark(&old) && !wanted.contains_key(&old) {
            to.remove_xattr(name, &old)?;
        }
    }
    for (attribute, value) in &wanted {
        to.set_xattr(name, attribute, value)?;
    }
    to.set_times(name, meta.mtime)
}

/// Whether the attribute is a mark of overlayfs.
fn is_mark(attribute: &[u8]) -> bool {
    is_internal_xattr(attribute) && attribute != Recorded::XATTR
}

struct Cloner<'a> {
    cancel: &'a Cancel,
    /// Any, until the file system says that it cannot.
    data: Data,
}

impl Cloner<'_> {
    fn copy(&mut self, from: (&Dir, &[u8], &Meta), to: (&Dir, &[u8])) -> Result<()> {
        let ((from_dir, from_name, meta), (to_dir, name)) = (from, to);
        match meta.kind {
            FileKind::File => {
                let (source, target) = (from_dir.open_file(from_name)?, to_dir.create_file(name, 0o600)?);
                self.copy_data(&source, &target, meta.size)?;
            }
            FileKind::Symlink => to_dir.symlink(&from_dir.readlink(from_name)?, name)?,
            kind => to_dir.mknod(name, kind, 0o600, meta.rdev)?,
        }
        copy_meta(from, to)
    }

    fn copy_data(&mut self, from: &File, to: &File, size: u64) -> Result<()> {
        if size == 0 {
            return Ok(());
        }
        if self.data != Data::Copied {
            match rustix::fs::ioctl_ficlone(to, from) {
                Ok(()) => return Ok(()),
                Err(errno) if self.data == Data::Shared => return Err(Error::io("share the data of", "a file")(errno)),
                Err(_) => self.data = Data::Copied,
            }
        }
        const SMALLEST_WITH_HOLES: u64 = 64 << 10;
        if size < SMALLEST_WITH_HOLES {
            return self.copy_range(from, to, 0, size);
        }
        let mut at = 0;
        while at < size {
            let Some(start) = seek(from, SeekFrom::Data(at))? else { break };
            let end = seek(from, SeekFrom::Hole(start))?.unwrap_or(size).min(size);
            self.copy_range(from, to, start, end)?;
            at = end;
        }
        to.set_len(size).map_err(copying)
    }

    fn copy_range(&self, from: &File, to: &File, mut start: u64, end: u64) -> Result<()> {
        const PIECE: u64 = 1 << 20;
        let mut target = start;
        while start < end {
            self.cancel.check()?;
            let piece = (end - start).min(PIECE) as usize;
            match rustix::fs::copy_file_range(from, Some(&mut start), to, Some(&mut target), piece) {
                Ok(0) => return Err(Error::Changed { subject: show_path(b"") }),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::XDEV | Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL) => {
                    return copy_by_hand(from, to, start, end);
                }
                Err(errno) => return Err(copying(errno)),
            }
        }
        Ok(())
    }
}

/// Where the file system cannot copy by itself.
fn copy_by_hand(mut from: &File, mut to: &File, start: u64, end: u64) -> Result<()> {
    from.seek(std::io::SeekFrom::Start(start)).map_err(copying)?;
    to.seek(std::io::SeekFrom::Start(start)).map_err(copying)?;
    std::io::copy(&mut from.take(end - start), &mut to).map_err(copying)?;
    to.flush().map_err(copying)
}

fn seek(file: &File, to: SeekFrom) -> Result<Option<u64>> {
    match rustix::fs::seek(file, to) {
        Ok(at) => Ok(Some(at)),
        Err(Errno::NXIO) => Ok(None),
        Err(errno) => Err(copying(errno)),
    }
}

fn copying<E: Into<std::io::Error>>(error: E) -> Error {
    Error::io("copy", "data")(error)
}

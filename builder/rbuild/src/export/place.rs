//! Puts the files of an image into a directory of the machine. Nothing outside of it is touched: every name is reached
//! through [`RootDir`], and no link in a name's own place is followed. Knows neither layers nor images.

use crate::error::{Error, Result};
use crate::request::Others;
use crate::send::copy;
use rbuild_oci::{Cancel, Timestamp};
use rbuild_store::layer::{Entry, Node, join_path, show_path, split_path};
use rbuild_store::{Device, Dir, FileKind, RootDir};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The mode of what is not finished.
const PRIVATE: u32 = 0o700;

/// What the system says to attributes that it does not allow.
const DENIED: [Errno; 3] = [Errno::PERM, Errno::ACCESS, Errno::NOTSUP];

/// A directory being filled with entries in the order of layers.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    path: PathBuf,
    root: RootDir,
    cancel: &'a Cancel,
    /// The directory of the last entry.
    parent: Option<(Vec<u8>, Dir)>,
    /// Directories get their mode and time when all is in them.
    directories: Vec<Entry>,
    /// What was put, where others are to go.
    kept: Option<BTreeSet<Vec<u8>>>,
    left_out: LeftOut,
}

/// What this process or the file system cannot do.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    /// Devices, by their paths.
    devices: BTreeSet<Vec<u8>>,
    /// Names of extended attributes.
    attributes: BTreeSet<Vec<u8>>,
}

impl<'a> Tree<'a> {
    /// Fills that directory.
    pub(super) fn open(path: &Path, others: Others, cancel: &'a Cancel) -> Result<Self> {
        let root = RootDir::open(path)?;
        let (path, directories, left_out) = (path.to_owned(), Vec::new(), LeftOut::default());
        let kept = (others == Others::Go).then(BTreeSet::new);
        Ok(Self { path, root, cancel, parent: None, directories, kept, left_out })
    }

    /// Puts an entry in its place, with the data of a regular file; its parents came before. What is there gives way,
    /// but for a directory to a directory.
    pub(super) fn put(&mut self, entry: Entry, data: Option<Box<dyn Read + Send>>) -> Result<()> {
        self.cancel.check()?;
        if let Some(kept) = &mut self.kept {
            kept.insert(entry.path.clone());
        }
        if entry.node.is_directory() {
            self.directory(&entry).map_err(|error| self.about(error, &entry.path))?;
            self.directories.push(entry);
            return Ok(());
        }
        if matches!(&entry.node, Node::HardLink { target } if self.left_out.devices.contains(target)) {
            self.left_out.devices.insert(entry.path);
            return Ok(());
        }
        match self.place(&entry, data) {
            Err(Error::Store(error)) if is_device(&entry.node) && is(&error, &[Errno::PERM]) => {
                self.left_out.devices.insert(entry.path);
                Ok(())
            }
            other => other.map_err(|error| self.about(error, &entry.path)),
        }
    }

    /// Sends others away, finishes the directories, deepest first, and tells what could not be done.
    pub(super) fn finish(mut self) -> Result<LeftOut> {
        if let Some(kept) = self.kept.take() {
            self.remove_others(&kept)?;
        }
        for entry in std::mem::take(&mut self.directories).iter().rev() {
            let done = self.at(&entry.path).and_then(|(dir, name)| self.left_out.describe(entry, &dir, name));
            done.map_err(|error| self.about(error, &entry.path))?;
        }
        Ok(self.left_out)
    }

    fn remove_others(&self, kept: &BTreeSet<Vec<u8>>) -> Result<()> {
        let mut ahead = vec![Vec::new()];
        while let Some(directory) = ahead.pop() {
            for found in self.root.list(&directory)? {
                self.cancel.check()?;
                let path = join_path(&directory, &found.name);
                if !kept.contains(&path) {
                    let removed = self.root.remove_tree(&path).map_err(Error::from);
                    removed.map_err(|error| self.about(error, &path))?;
                } else if found.kind == FileKind::Directory {
                    ahead.push(path);
                }
            }
        }
        Ok(())
    }

    fn directory(&mut self, entry: &Entry) -> Result<()> {
        let (dir, name) = self.at(&entry.path)?;
        match dir.stat(name) {
            Ok(there) if there.is_dir() && there.mode & PRIVATE == PRIVATE => return Ok(()),
            Ok(there) if there.is_dir() => return Ok(dir.chmod(name, there.mode | PRIVATE)?),
            Ok(_) => dir.remove(name)?,
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
        Ok(dir.mkdir(name, PRIVATE)?)
    }

    /// Makes anything but a directory: right in its place if that is free, else under another name first.
    fn place(&mut self, entry: &Entry, data: Option<Box<dyn Read + Send>>) -> Result<()> {
        let (dir, name) = self.at(&entry.path)?;
        let there = match dir.stat(name) {
            Ok(there) => there,
            Err(error) if error.is_not_found() => return self.make(entry, data, &dir, name),
            Err(error) => return Err(error.into()),
        };
        let beside = format!(".rbuild-{}-new", std::process::id()).into_bytes();
        dir.remove_tree(&beside)?;
        self.make(entry, data, &dir, &beside)?;
        let clear = if there.is_dir() { dir.remove_tree(name) } else { Ok(()) };
        clear.and_then(|()| dir.rename(&beside, &dir, name)).or_else(|error| {
            dir.remove(&beside)?;
            Err(error.into())
        })
    }

    fn make(&mut self, entry: &Entry, data: Option<Box<dyn Read + Send>>, dir: &Dir, name: &[u8]) -> Result<()> {
        match &entry.node {
            Node::File(_) => self.file(entry, data, dir, name)?,
            Node::HardLink { target } => {
                let (parent, old) = split_path(target);
                return Ok(self.root.open_dir(parent)?.hardlink(old, dir, name)?);
            }
            Node::Symlink { target } => dir.symlink(target, name)?,
            Node::CharDevice(device) => dir.mknod(name, FileKind::CharDevice, 0o600, *device)?,
            Node::BlockDevice(device) => dir.mknod(name, FileKind::BlockDevice, 0o600, *device)?,
            Node::Fifo => dir.mknod(name, FileKind::Fifo, 0o600, Device::default())?,
            Node::Directory { .. } | Node::Whiteout => return Ok(()),
        }
        self.left_out.describe(entry, dir, name).or_else(|error| remove(dir, name, error))
    }

    fn file(&self, entry: &Entry, data: Option<Box<dyn Read + Send>>, dir: &Dir, name: &[u8]) -> Result<()> {
        let mut file = dir.create_file(name, 0o600)?;
        let (Node::File(wanted), Some(mut data)) = (&entry.node, data) else { return Ok(()) };
        let to = self.show(&entry.path);
        let copied = copy(&mut *data, &show_path(&entry.path), &mut file, &to, self.cancel);
        let found = copied.or_else(|error| remove(dir, name, error))?;
        if found.1 == wanted.size && (found.0 == wanted.digest || !wanted.is_read()) {
            return Ok(());
        }
        let reason = format!("its data has {} bytes and the digest {}", found.1, found.0);
        let subject = show_path(&entry.path);
        remove(dir, name, rbuild_store::Error::Corrupt { what: "file", subject, reason }.into())
    }

    /// The directory of the path and the name in it.
    fn at<'p>(&mut self, path: &'p [u8]) -> Result<(Dir, &'p [u8])> {
        let (parent, name) = split_path(path);
        match &self.parent {
            Some((last, dir)) if last == parent => Ok((dir.clone(), name)),
            _ => {
                let dir = self.root.open_dir(parent)?;
                self.parent = Some((parent.to_vec(), dir.clone()));
                Ok((dir, name))
            }
        }
    }

    /// The path on this machine.
    fn show(&self, path: &[u8]) -> String {
        self.path.join(OsStr::from_bytes(path)).display().to_string()
    }

    /// The error, said of the path on this machine.
    fn about(&self, error: Error, path: &[u8]) -> Error {
        match error {
            Error::Store(rbuild_store::Error::Io { operation, source, .. }) => {
                Error::Io { operation, subject: self.show(path), source }
            }
            other => other,
        }
    }
}

impl LeftOut {
    /// What was left out, for people.
    pub(super) fn warnings(&self) -> Vec<String> {
        let list = |names: &BTreeSet<Vec<u8>>, show: &dyn Fn(&Vec<u8>) -> String| {
            names.iter().map(show).collect::<Vec<_>>().join(", ")
        };
        let mut warnings = Vec::new();
        if !self.devices.is_empty() {
            let paths = list(&self.devices, &|path| show_path(path));
            warnings.push(format!("left out devices, which only root can make: {paths}"));
        }
        if !self.attributes.is_empty() {
            let names = list(&self.attributes, &|name| String::from_utf8_lossy(name).into_owned());
            warnings.push(format!("left out extended attributes, which are not allowed there: {names}"));
        }
        warnings
    }

    /// Gives what was made its attributes, mode and time.
    fn describe(&mut self, entry: &Entry, dir: &Dir, name: &[u8]) -> Result<()> {
        for (attribute, value) in &entry.xattrs {
            match dir.set_xattr(name, attribute, value) {
                Err(error) if is(&error, &DENIED) => drop(self.attributes.insert(attribute.clone())),
                other => other?,
            }
        }
        if !matches!(entry.node, Node::Symlink { .. }) {
            dir.chmod(name, entry.mode)?;
        }
        Ok(dir.set_times(name, Timestamp::from_seconds(entry.mtime))?)
    }
}

const fn is_device(node: &Node) -> bool {
    matches!(node, Node::CharDevice(_) | Node::BlockDevice(_))
}

/// Whether the system's answer was one of these.
fn is(error: &rbuild_store::Error, answers: &[Errno]) -> bool {
    let rbuild_store::Error::Io { source, .. } = error else { return false };
    answers.iter().any(|errno| source.raw_os_error() == Some(errno.raw_os_error()))
}

/// Takes away what was not finished; gives the error that was the reason.
fn remove<T>(dir: &Dir, name: &[u8], reason: Error) -> Result<T> {
    dir.remove(name)?;
    Err(reason)
}

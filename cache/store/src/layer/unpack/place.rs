//! Puts the entries of a layer into a directory. What is in an entry's place gives way; no link is followed, as the
//! paths have none in their parents. Knows nothing of tar.

use super::data::Data;
use super::metadata::Metadata;
use super::{Style, UnpackOptions};
use crate::error::{Error, Result};
use crate::layer::entry::{Entry, FileData, Node, is_below, split_path};
use crate::layer::view::View;
use crate::root_dir::{Device, Dir, FileKind, RootDir};
use std::collections::BTreeSet;

/// The mode of what is not finished.
const PRIVATE: u32 = 0o700;

/// An attribute that new files inherit from their directory.
const INHERITED: &[u8] = b"system.posix_acl_default";

/// The directory that a layer is unpacked into.
#[derive(Debug)]
pub(super) struct Place<'a> {
    target: &'a RootDir,
    style: Style,
    below: &'a View,
    metadata: Metadata,
    /// The directory of the last entry.
    parent: Option<(Vec<u8>, Dir)>,
}

impl<'a> Place<'a> {
    pub(super) fn new(target: &'a RootDir, options: UnpackOptions<'a>) -> Self {
        let UnpackOptions { style, ownership, below } = options;
        Self { target, style, below, metadata: Metadata::new(style, ownership), parent: None }
    }

    pub(super) fn into_unsupported(self) -> BTreeSet<Vec<u8>> {
        self.metadata.unsupported
    }

    /// The directory of the path and the name in it.
    fn at<'p>(&mut self, path: &'p [u8]) -> Result<(Dir, &'p [u8])> {
        let (parent, name) = split_path(path);
        if name.is_empty() {
            return Ok((self.target.top().clone(), b"."));
        }
        match &self.parent {
            Some((last, dir)) if last == parent => Ok((dir.clone(), name)),
            _ => {
                let dir = self.target.open_dir(parent)?;
                self.parent = Some((parent.to_vec(), dir.clone()));
                Ok((dir, name))
            }
        }
    }

    /// Removes what is at the path.
    fn clear(&mut self, path: &[u8]) -> Result<()> {
        if self.parent.as_ref().is_some_and(|(last, _)| last == path || is_below(last, path)) {
            self.parent = None;
        }
        let (dir, name) = self.at(path)?;
        dir.remove_tree(name).map_err(|error| error.about(path))
    }

    /// Makes something at the path; what is there gives way.
    fn replace<T>(&mut self, path: &[u8], make: impl Fn(&Dir, &[u8]) -> Result<T>) -> Result<T> {
        let (dir, name) = self.at(path)?;
        match make(&dir, name) {
            Err(error) if error.is_taken() => {
                self.clear(path)?;
                make(&dir, name)
            }
            other => other,
        }
        .map_err(|error| error.about(path))
    }

    /// Makes a directory at the path, or keeps the one that is there; in an opaque one nothing stays.
    pub(super) fn directory(&mut self, path: &[u8], opaque: bool) -> Result<()> {
        if opaque && self.style == Style::Plain {
            self.empty(path)?;
        }
        let (dir, name) = self.at(path)?;
        match dir.mkdir(name, PRIVATE) {
            Err(error) if error.is_taken() => match dir.stat(name) {
                Ok(meta) if meta.is_dir() => self.inherit_nothing(&dir, name),
                _ => return self.replace(path, |dir, name| dir.mkdir(name, PRIVATE)),
            },
            made => made,
        }
        .map_err(|error| error.about(path))
    }

    /// Removes what the layers below have in the directory.
    fn empty(&mut self, path: &[u8]) -> Result<()> {
        if !path.is_empty() {
            return self.clear(path);
        }
        self.target.list(path)?.iter().try_for_each(|child| self.clear(&child.name))
    }

    /// Sees to it that what is made in a directory that was there does not take attributes from it.
    fn inherit_nothing(&self, dir: &Dir, name: &[u8]) -> Result<()> {
        if self.style != Style::Plain {
            return Ok(());
        }
        match dir.remove_xattr(name, INHERITED) {
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::Unsupported => Ok(()),
            removed => removed,
        }
    }

    /// Makes what is neither a directory nor a hard link.
    pub(super) fn leaf(&mut self, entry: &Entry, data: &mut Data<'_>) -> Result<()> {
        match &entry.node {
            Node::File(found) => return self.file(entry, found, data),
            Node::Symlink { target } => self.replace(&entry.path, |dir, name| dir.symlink(target, name))?,
            Node::CharDevice(device) => self.node(entry, FileKind::CharDevice, *device)?,
            Node::BlockDevice(device) => self.node(entry, FileKind::BlockDevice, *device)?,
            Node::Fifo => self.node(entry, FileKind::Fifo, Device::default())?,
            Node::Whiteout => return self.whiteout(&entry.path),
            Node::Directory { .. } | Node::HardLink { .. } => return Ok(()),
        }
        let (dir, name) = self.at(&entry.path)?;
        self.metadata.of_name(entry, &dir, name)
    }

    fn file(&mut self, entry: &Entry, found: &FileData, data: &mut Data<'_>) -> Result<()> {
        let mode = self.metadata.mode_at_first(entry);
        let file = self.replace(&entry.path, |dir, name| dir.create_file(name, mode))?;
        data.write(entry, found, &file)?;
        self.metadata.of_file(entry, &file)
    }

    fn whiteout(&mut self, path: &[u8]) -> Result<()> {
        match self.style {
            Style::Plain => self.clear(path),
            Style::Overlay(_) => {
                self.replace(path, |dir, name| dir.mknod(name, FileKind::CharDevice, 0, Device::default()))
            }
        }
    }

    /// Makes a device or a pipe. A process that may not make devices makes an empty file with a record in its place,
    /// as nobody can open the device in a user namespace anyway.
    fn node(&mut self, entry: &Entry, kind: FileKind, device: Device) -> Result<()> {
        if !self.metadata.devices_stand_in || kind == FileKind::Fifo {
            match self.replace(&entry.path, |dir, name| dir.mknod(name, kind, 0o600, device)) {
                Err(Error::Io { source, .. })
                    if source.kind() == std::io::ErrorKind::PermissionDenied && kind != FileKind::Fifo =>
                {
                    self.metadata.devices_stand_in = true;
                }
                other => return other,
            }
        }
        self.replace(&entry.path, |dir, name| dir.mknod(name, FileKind::File, 0o600, Device::default()))
    }

    /// Makes a further name of what is at `target`.
    pub(super) fn link(&mut self, path: &[u8], target: &[u8]) -> Result<()> {
        let from = self.target.open_dir(split_path(target).0)?;
        let old = split_path(target).1;
        self.replace(path, |dir, name| from.hardlink(old, dir, name))
    }

    /// Gives a directory its metadata, once nothing more is made in it.
    pub(super) fn finish_directory(&mut self, entry: &Entry) -> Result<()> {
        let (dir, name) = self.at(&entry.path)?;
        let entry = self.directory_entry(entry);
        self.metadata.of_name(&entry, &dir, name)
    }

    /// What the directory is to look like.
    fn directory_entry(&self, entry: &Entry) -> Entry {
        let Node::Directory { implied: true, opaque } = entry.node else { return entry.clone() };
        let below = self.below.lookup(&entry.path).filter(|found| found.entry.node.is_directory());
        let model = below.map_or(entry, |found| found.entry);
        Entry { node: Node::Directory { implied: true, opaque }, ..model.clone() }
    }
}

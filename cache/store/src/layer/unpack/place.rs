//! Puts the entries of a layer into a directory. What is in an entry's place gives way; no link is followed, as the
//! paths have none in their parents. Knows nothing of tar.

use super::metadata::Metadata;
use super::{Style, UnpackOptions};
use crate::error::{Error, Result};
use crate::layer::draft::Draft;
use crate::layer::entry::{Entry, Node, is_below, join_path, split_path};
use crate::layer::scan::Sink;
use crate::layer::view::View;
use crate::root_dir::{Device, Dir, FileKind, RootDir};
use std::collections::BTreeSet;
use std::fs::File;

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
        let UnpackOptions { style, ownership, below, .. } = options;
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

    /// A directory at the path: the one that is there, or a new one.
    fn directory(&mut self, path: &[u8]) -> Result<()> {
        let (dir, name) = self.at(path)?;
        match dir.stat(name) {
            Ok(meta) if meta.is_dir() && self.style == Style::Plain => {
                dir.remove_xattr(name, INHERITED).or_else(|error| {
                    if matches!(&error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::Unsupported) {
                        Ok(())
                    } else {
                        Err(error.about(path))
                    }
                })
            }
            Ok(meta) if meta.is_dir() => Ok(()),
            _ => self.replace(path, |dir, name| dir.mkdir(name, PRIVATE)),
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

    fn link(&mut self, path: &[u8], target: &[u8]) -> Result<()> {
        let from = self.target.open_dir(split_path(target).0)?;
        let old = split_path(target).1;
        self.replace(path, |dir, name| from.hardlink(old, dir, name))
    }

    /// What the directory is to look like.
    fn directory_entry(&self, entry: &Entry) -> Entry {
        let Node::Directory { implied: true, opaque } = entry.node else { return entry.clone() };
        let below = self.below.lookup(&entry.path).filter(|found| found.entry.node.is_directory());
        let model = below.map_or(entry, |found| found.entry);
        Entry { node: Node::Directory { implied: true, opaque }, ..model.clone() }
    }
}

impl Sink for Place<'_> {
    fn imply(&mut self, directory: &[u8]) -> Result<()> {
        self.directory(directory)
    }

    fn create(&mut self, entry: &Entry) -> Result<Option<File>> {
        self.replace(&entry.path, |dir, name| dir.create_file(name, 0o600)).map(Some)
    }

    fn close(&mut self, entry: &Entry, file: File) -> Result<()> {
        self.metadata.of_file(entry, &file)
    }

    fn make(&mut self, entry: &Entry) -> Result<()> {
        match &entry.node {
            Node::Directory { .. } => return self.directory(&entry.path),
            Node::HardLink { target } => return self.link(&entry.path, target),
            Node::Symlink { target } => self.replace(&entry.path, |dir, name| dir.symlink(target, name))?,
            Node::CharDevice(device) => self.node(entry, FileKind::CharDevice, *device)?,
            Node::BlockDevice(device) => self.node(entry, FileKind::BlockDevice, *device)?,
            Node::Fifo => self.node(entry, FileKind::Fifo, Device::default())?,
            Node::File(_) | Node::Whiteout => return Ok(()),
        }
        let (dir, name) = self.at(&entry.path)?;
        self.metadata.of_name(entry, &dir, name)
    }

    fn delete(&mut self, draft: &Draft, path: &[u8]) -> Result<()> {
        match (draft.get(path).map(|entry| &entry.node), self.style) {
            (Some(Node::Directory { .. }), Style::Plain) => self.blank(draft, path),
            (Some(_), _) => Ok(()),
            (None, Style::Plain) => self.clear(path),
            (None, Style::Overlay(_)) => {
                self.replace(path, |dir, name| dir.mknod(name, FileKind::CharDevice, 0, Device::default()))
            }
        }
    }

    fn blank(&mut self, draft: &Draft, directory: &[u8]) -> Result<()> {
        if self.style != Style::Plain {
            return Ok(());
        }
        let mut directories = vec![directory.to_vec()];
        while let Some(directory) = directories.pop() {
            for child in self.target.list(&directory)? {
                let path = join_path(&directory, &child.name);
                match draft.get(&path).map(|entry| &entry.node) {
                    None => self.clear(&path)?,
                    Some(Node::Directory { .. }) => directories.push(path),
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }

    /// Deepest first, so that a directory is still open to its owner while what is in it is finished.
    fn finish(&mut self, draft: &Draft) -> Result<()> {
        for entry in draft.entries().rev().filter(|entry| entry.node.is_directory()) {
            let (dir, name) = self.at(&entry.path)?;
            let entry = self.directory_entry(entry);
            self.metadata.of_name(&entry, &dir, name)?;
        }
        Ok(())
    }
}

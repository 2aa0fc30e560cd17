//! Where files are copied to. What is in the way of a file goes, a directory that is there stays as it is, and the two
//! never replace each other. Knows no source.

use super::tree::Tree;
use crate::error::{Error, Result};
use rbuild_oci::Timestamp;
use rbuild_store::layer::{Entry, Node, Recorded, join_path, show_path};
use rbuild_store::{FileKind, RootDir};
use std::io::{self, ErrorKind, Read};

/// Whose files are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Those of whoever copies.
    Own,
    /// Root's.
    Root,
    /// Those of the owners that the entries name.
    Named,
}

/// Makes files in a tree.
pub(super) struct Writer<'a> {
    pub(super) tree: &'a Tree,
    /// The path that the entry without one has, without links.
    pub(super) at: Vec<u8>,
    pub(super) owner: Owner,
    /// Whether owners can only be written down.
    pub(super) single_id: bool,
    /// New directories, whose modes and times come last.
    pub(super) directories: Vec<Entry>,
    /// How many bytes of data were written.
    pub(super) written: u64,
}

impl Writer<'_> {
    /// Makes the file.
    pub(super) fn put(&mut self, entry: Entry, data: &mut dyn Read) -> Result<()> {
        let path = self.path(&entry.path);
        self.tree.check_writable(&path)?;
        let there = self.tree.stat(&path)?;
        let (root, place) = self.tree.place(&path);
        let blocked = |how: &str| Err(Error::Copy(format!("cannot overwrite {} with {how}", show_path(&path))));
        match (&entry.node, there.map(|meta| meta.kind)) {
            (Node::Directory { .. }, Some(FileKind::Directory)) => return Ok(()),
            (Node::Directory { .. }, Some(_)) => return blocked("a directory: it is a file"),
            (Node::Directory { .. }, None) => {
                root.mkdir(&place, 0o700)?;
                self.directories.push(entry);
                return Ok(());
            }
            (_, Some(FileKind::Directory)) => return blocked("a file: it is a directory"),
            (_, Some(_)) => root.remove(&place)?,
            (_, None) => {}
        }
        self.make(root, &place, &entry, data)?;
        if matches!(entry.node, Node::HardLink { .. }) { Ok(()) } else { self.settle(&entry) }
    }

    /// Gives new directories their modes and times; the bytes that were written.
    pub(super) fn finish(mut self) -> Result<u64> {
        while let Some(directory) = self.directories.pop() {
            self.settle(&directory)?;
        }
        Ok(self.written)
    }

    fn path(&self, relative: &[u8]) -> Vec<u8> {
        if relative.is_empty() { self.at.clone() } else { join_path(&self.at, relative) }
    }

    fn make(&mut self, root: &RootDir, place: &[u8], entry: &Entry, data: &mut dyn Read) -> Result<()> {
        match &entry.node {
            Node::File(_) => {
                let mut file = root.create_file(place, 0o600)?;
                self.written += io::copy(data, &mut file).map_err(Error::io("write", show_path(place)))?;
            }
            Node::HardLink { target } => root.hardlink(&self.tree.place(&self.path(target)).1, place)?,
            Node::Symlink { target } => root.symlink(target, place)?,
            Node::CharDevice(device) => root.mknod(place, FileKind::CharDevice, 0o600, *device)?,
            Node::BlockDevice(device) => root.mknod(place, FileKind::BlockDevice, 0o600, *device)?,
            Node::Fifo => root.mknod(place, FileKind::Fifo, 0o600, rbuild_store::Device::default())?,
            Node::Directory { .. } | Node::Whiteout => {}
        }
        Ok(())
    }

    /// Owner, mode, attributes and time.
    fn settle(&self, entry: &Entry) -> Result<()> {
        let path = self.path(&entry.path);
        let (root, place) = self.tree.place(&path);
        let is_link = matches!(entry.node, Node::Symlink { .. });
        match self.owner {
            Owner::Own => {}
            Owner::Root => root.chown(&place, 0, 0)?,
            Owner::Named if !self.single_id => root.chown(&place, entry.uid, entry.gid)?,
            Owner::Named => {
                let record = Recorded { uid: entry.uid, gid: entry.gid, device: None }.encode();
                if let Some(record) = record.filter(|_| !is_link) {
                    root.set_xattr(&place, Recorded::XATTR, &record)?;
                }
            }
        }
        if !is_link {
            root.chmod(&place, entry.mode)?;
        }
        for (name, value) in &entry.xattrs {
            match root.set_xattr(&place, name, value) {
                Err(rbuild_store::Error::Io { source, .. })
                    if matches!(source.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {}
                other => other?,
            }
        }
        Ok(root.set_times(&place, Timestamp::from_seconds(entry.mtime))?)
    }
}

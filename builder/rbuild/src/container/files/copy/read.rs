//! What is copied: a file, or a directory with all in it, as the entries of a layer, each with a way to its data. Knows
//! no destination.

use super::tree::Tree;
use crate::error::Result;
use rbuild_oci::Cancel;
use rbuild_store::layer::{Entry, FileData, Node, Recorded, is_internal_xattr, join_path};
use rbuild_store::{Dir, FileKind, Meta, RootDir, Walk, Xattrs};
use std::collections::BTreeMap;
use std::io::{self, Read};

/// What takes entries: parents before what is in them, the data of regular files as long as the entry says.
pub(super) type Take<'a> = &'a mut dyn FnMut(Entry, &mut dyn Read) -> Result<()>;

/// Hands over what is at a path without links: itself with an empty path, then all that is in it, in the order of
/// layers. Sockets are left out.
pub(super) fn read(tree: &Tree, path: &[u8], cancel: &Cancel, take: Take<'_>) -> Result<()> {
    let mut reader = Reader { tree, top: path, cancel, links: BTreeMap::new(), levels: Vec::new() };
    reader.file(path, take)?;
    while let Some(level) = reader.levels.last_mut() {
        cancel.check()?;
        let Some(found) = level.walk.next() else {
            reader.levels.pop();
            continue;
        };
        let found = found?;
        let path = join_path(&level.prefix, &found.path);
        if tree.is_mount(&path) {
            level.walk.skip_dir();
            reader.file(&path, take)?;
        } else if tree.is_closed(&path) {
            level.walk.skip_dir();
            reader.entry((found.dir(), found.name(), &found.meta), &path, take)?;
        } else {
            reader.entry((found.dir(), found.name(), &found.meta), &path, take)?;
        }
    }
    Ok(())
}

struct Reader<'a> {
    tree: &'a Tree,
    top: &'a [u8],
    cancel: &'a Cancel,
    /// The first names of files that have several.
    links: BTreeMap<(u64, u64), Vec<u8>>,
    levels: Vec<Level>,
}

/// A directory that is gone through, and its path in the tree.
struct Level {
    prefix: Vec<u8>,
    walk: Walk,
}

impl Reader<'_> {
    /// A file by its path; a directory is gone through next.
    fn file(&mut self, path: &[u8], take: Take<'_>) -> Result<()> {
        let (root, place) = self.tree.place(path);
        let meta = root.stat(&place)?;
        let (dir, name) = parent(root, &place)?;
        self.entry((&dir, &name, &meta), path, take)?;
        if meta.is_dir() {
            self.levels.push(Level { prefix: path.to_vec(), walk: root.walk(&place)? });
        }
        Ok(())
    }

    fn entry(&mut self, (dir, name, meta): (&Dir, &[u8], &Meta), path: &[u8], take: Take<'_>) -> Result<()> {
        self.cancel.check()?;
        let relative = path[self.top.len()..].strip_prefix(b"/").unwrap_or(&path[self.top.len()..]).to_vec();
        let node = match meta.kind {
            FileKind::Socket => return Ok(()),
            FileKind::Directory => Node::DIRECTORY,
            FileKind::Symlink => Node::Symlink { target: dir.readlink(name)? },
            FileKind::CharDevice => Node::CharDevice(meta.rdev),
            FileKind::BlockDevice => Node::BlockDevice(meta.rdev),
            FileKind::Fifo => Node::Fifo,
            FileKind::File => Node::File(FileData::unread(meta.size)),
        };
        let node = match (meta.is_file() && meta.nlink > 1).then(|| self.links.get(&meta.id())).flatten() {
            Some(first) => Node::HardLink { target: first.clone() },
            None => node,
        };
        let xattrs = dir.xattrs(name).unwrap_or_default();
        let (uid, gid) = owner(&xattrs).unwrap_or((meta.uid, meta.gid));
        let (mode, mtime, xattrs) = (meta.mode, meta.mtime.seconds, kept(xattrs));
        let entry = Entry { path: relative.clone(), node, mode, uid, gid, mtime, xattrs };
        if !matches!(entry.node, Node::File(_)) {
            return take(entry, &mut io::empty());
        }
        if meta.nlink > 1 {
            self.links.insert(meta.id(), relative);
        }
        // A file that shrinks meanwhile is filled up: its size was told already.
        let file = dir.open_file(name)?;
        take(entry, &mut file.chain(io::repeat(0)).take(meta.size))
    }
}

fn parent(root: &RootDir, path: &[u8]) -> Result<(Dir, Vec<u8>)> {
    let (parent, name) = rbuild_store::layer::split_path(path);
    let name = if name.is_empty() { b".".to_vec() } else { name.to_vec() };
    Ok((root.open_dir(parent)?, name))
}

/// The owner that a file has where nobody can be given files.
fn owner(xattrs: &Xattrs) -> Option<(u32, u32)> {
    let recorded = Recorded::decode(xattrs.get(Recorded::XATTR)?)?;
    Some((recorded.uid, recorded.gid))
}

/// The attributes that go with a file.
fn kept(mut xattrs: Xattrs) -> Xattrs {
    xattrs.retain(|name, _| name == b"security.capability" || name.starts_with(b"user.") && !is_internal_xattr(name));
    xattrs
}

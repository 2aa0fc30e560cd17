//! An index in the making, from entries in whatever order a foreign tarball has them. Later entries win; whiteouts count
//! for the layers below only (OCI image specification, "Whiteouts"), so their place in the tarball does not matter.
//! Knows no tar and no disk.

use super::entry::{Entry, Node, is_below, show_path, split_path};
use super::index::LayerIndex;
use crate::error::{Error, Result};
use crate::root_dir::Xattrs;
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet};

/// How many symbolic links of one layer the parents of an entry may lead through.
const LINKS: usize = 40;

/// Entries by their key: the path with NUL for slashes, which sorts as [`super::compare_paths`] does.
#[derive(Debug)]
pub(super) struct Draft {
    entries: BTreeMap<Vec<u8>, Entry>,
    /// First names of hard links, with their further names.
    links: BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>>,
}

impl Draft {
    /// Nothing but an implied root.
    pub(super) fn new() -> Self {
        let root = Entry::new("", Node::Directory { opaque: false, implied: true }, 0o755);
        Self { entries: BTreeMap::from([(Vec::new(), root)]), links: BTreeMap::new() }
    }

    /// What the layer itself has at the path so far.
    fn get(&self, path: &[u8]) -> Option<&Entry> {
        self.entries.get(&key(path))
    }

    /// The path with links of this layer in its parents followed, inside the root. Layers below are not asked: what a
    /// layer holds follows from its bytes alone.
    pub(super) fn resolve_parents(&self, path: &[u8]) -> Result<Vec<u8>> {
        let mut rest: Vec<Vec<u8>> = path.rsplit(|byte| *byte == b'/').map(<[u8]>::to_vec).collect();
        let (mut at, mut links) = (Vec::new(), 0);
        while let Some(name) = rest.pop() {
            match name.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    at.truncate(split_path(&at).0.len());
                    continue;
                }
                _ => at = super::join_path(&at, &name),
            }
            if rest.is_empty() {
                break;
            }
            if let Some(Node::Symlink { target }) = self.get(&at).map(|entry| &entry.node) {
                links += 1;
                if links > LINKS {
                    return Err(Error::io("resolve", show_path(path))(Errno::LOOP));
                }
                rest.extend(target.rsplit(|byte| *byte == b'/').map(<[u8]>::to_vec));
                at.truncate(if target.starts_with(b"/") { 0 } else { split_path(&at).0.len() });
            }
        }
        Ok(at)
    }

    /// Adds directories for the parents that are missing.
    pub(super) fn imply_parents(&mut self, path: &[u8]) -> Result<()> {
        let mut missing = Vec::new();
        let mut at = path;
        while !at.is_empty() {
            at = split_path(at).0;
            match self.get(at).map(|entry| &entry.node) {
                Some(Node::Directory { .. }) => break,
                None | Some(Node::Whiteout) => missing.push(at.to_vec()),
                Some(_) => {
                    let reason = format!("{} is no directory", show_path(at));
                    return Err(Error::Refused { what: "archive entry", subject: show_path(path), reason });
                }
            }
        }
        for parent in missing {
            let deleted = self.get(&parent).is_some();
            let node = Node::Directory { opaque: deleted, implied: !deleted };
            self.entries.insert(key(&parent), Entry::new(parent, node, 0o755));
        }
        Ok(())
    }

    /// Puts an entry in its place; its parents are there. A hard link's target is made that of its first name, and its
    /// metadata too.
    pub(super) fn put(&mut self, mut entry: Entry) -> Result<()> {
        if let Node::HardLink { target } = &entry.node {
            entry = self.linked(&entry.path, target)?;
        }
        let old = self.get(&entry.path).map(|old| old.node.clone());
        match (&mut entry.node, old) {
            (Node::Directory { opaque, .. }, Some(Node::Directory { opaque: before, .. })) => *opaque |= before,
            (Node::Directory { opaque, .. }, Some(Node::Whiteout)) => *opaque = true,
            (_, Some(_)) => self.remove(&entry.path),
            (_, None) => {}
        }
        if let Node::HardLink { target } = &entry.node {
            self.links.entry(target.clone()).or_default().insert(entry.path.clone());
        }
        self.entries.insert(key(&entry.path), entry);
        Ok(())
    }

    /// Notes that the layers below have nothing at the path any more; its parents are there.
    pub(super) fn delete(&mut self, path: &[u8]) {
        match self.entries.get_mut(&key(path)).map(|entry| &mut entry.node) {
            Some(Node::Directory { opaque, implied }) => (*opaque, *implied) = (true, false),
            Some(_) => {}
            None => {
                self.entries.insert(key(path), Entry::new(path, Node::Whiteout, 0));
            }
        }
    }

    /// Notes that nothing of the layers below shows in the directory, which is there.
    pub(super) fn blank(&mut self, directory: &[u8]) {
        if let Some(Node::Directory { opaque, .. }) = self.entries.get_mut(&key(directory)).map(|entry| &mut entry.node)
        {
            *opaque = true;
        }
    }

    /// Everything, in order.
    pub(super) fn into_entries(self) -> Vec<Entry> {
        self.entries.into_values().collect()
    }

    /// The finished index.
    pub(super) fn finish(self, bodies: BTreeMap<Vec<u8>, Vec<u8>>) -> Result<LayerIndex> {
        LayerIndex::new(self.entries.into_values(), bodies).ok_or_else(|| Error::Corrupt {
            what: "layer",
            subject: "index".to_owned(),
            reason: "its entries are out of order".to_owned(),
        })
    }

    /// The entry for `path` as a further name of `target`.
    fn linked(&self, path: &[u8], target: &[u8]) -> Result<Entry> {
        let refuse = |reason: &str| {
            let reason = format!("{} {reason}", show_path(target));
            Err(Error::Refused { what: "hard link", subject: show_path(path), reason })
        };
        if path == target || is_below(target, path) {
            return refuse("would go with what is replaced");
        }
        let Some(found) = self.get(target) else { return refuse("is not in the same layer before it") };
        let first = match &found.node {
            Node::HardLink { target: first } if first == path => return refuse("is itself"),
            Node::HardLink { target: first } => first.clone(),
            Node::Directory { .. } => return refuse("is a directory"),
            Node::Whiteout => return refuse("is deleted"),
            _ => target.to_vec(),
        };
        let Entry { mode, uid, gid, mtime, ref xattrs, .. } = *found;
        let node = Node::HardLink { target: first };
        Ok(Entry { path: path.to_vec(), node, mode, uid, gid, mtime, xattrs: Xattrs::clone(xattrs) })
    }

    /// Takes out what is at the path and below it. A file that has further names lives on under the next of them.
    fn remove(&mut self, path: &[u8]) {
        let below = |last| [key(path), vec![last]].concat();
        let inside: Vec<Vec<u8>> = self.entries.range(below(0)..below(1)).map(|(key, _)| key.clone()).collect();
        for key in inside.into_iter().rev().chain([key(path)]) {
            if let Some(entry) = self.entries.remove(&key) {
                self.unlink(entry);
            }
        }
    }

    fn unlink(&mut self, entry: Entry) {
        if let Node::HardLink { target } = &entry.node {
            if let Some(names) = self.links.get_mut(target) {
                names.remove(&entry.path);
            }
            return;
        }
        let Some(mut names) = self.links.remove(&entry.path) else { return };
        let Some(first) = names.pop_first() else { return };
        for name in &names {
            if let Some(further) = self.entries.get_mut(&key(name)) {
                further.node = Node::HardLink { target: first.clone() };
            }
        }
        self.entries.insert(key(&first), Entry { path: first.clone(), ..entry });
        self.links.insert(first, names);
    }
}

fn key(path: &[u8]) -> Vec<u8> {
    path.iter().map(|byte| if *byte == b'/' { 0 } else { *byte }).collect()
}

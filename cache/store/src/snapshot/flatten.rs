//! Deep stacks for overlayfs, which takes 500 layers at most and gets slower with each: from a certain height on, every
//! whole group of layers is merged, once, into one directory of hard links. The snapshots of the layers stay as they
//! are. Knows directories in the layout of an upper directory, not who mounts them.

use super::clone::{clone_file, copy_meta};
use super::home::Home;
use super::settle::{is_whiteout, opaque_name};
use super::{StackLayer, view};
use crate::error::{Error, Result};
use crate::layer::{OpaqueXattr, View, is_below, split_path};
use crate::root_dir::{Dir, Meta, RootDir, WalkEntry};
use rbuild_oci::{Cancel, Timestamp};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How many layers are merged into one.
const GROUP: usize = 64;
/// Up to that many directories a stack is mounted layer by layer.
const PLAIN_HEIGHT: usize = 2 * GROUP;
/// What the kernel takes (`OVL_MAX_STACK`).
const MAX_LOWERS: usize = 500;

/// The lower directories of an ensured stack, highest first. Merges what is to be merged.
pub(super) fn lowers(home: &Home, marks: OpaqueXattr, stack: &[StackLayer], cancel: &Cancel) -> Result<Vec<PathBuf>> {
    let directories = stack.iter().map(|layer| home.directories(&layer.chain)).collect::<Result<Vec<_>>>()?;
    let height: usize = directories.iter().map(Vec::len).sum();
    let merged = if height > PLAIN_HEIGHT { stack.len() / GROUP } else { 0 };
    let mut lowers = directories[merged * GROUP..].iter().rev().flatten().cloned().collect::<Vec<_>>();
    if merged + lowers.len() > MAX_LOWERS {
        let (what, subject) = ("stack", format!("of {} layers", stack.len()));
        let reason = "overlayfs cannot hold it even when merged: use the copy driver".to_owned();
        return Err(Error::Refused { what, subject, reason });
    }
    for group in (0..merged).rev() {
        lowers.push(merged_group(home, marks, &stack[..(group + 1) * GROUP], cancel)?);
    }
    Ok(lowers)
}

/// The merged topmost group of a stack.
fn merged_group(home: &Home, marks: OpaqueXattr, stack: &[StackLayer], cancel: &Cancel) -> Result<PathBuf> {
    let (below, group) = stack.split_at(stack.len() - GROUP);
    let chain = group[GROUP - 1].chain;
    if let Some(files) = home.flat(&chain)? {
        return Ok(files);
    }
    let workspace = home.workspace()?;
    let root = RootDir::open(&workspace.files())?;
    let mut merge = Merge { root: &root, below: &view(below), marks, cancel, times: BTreeMap::new() };
    for layer in group {
        let directories = home.directories(&layer.chain)?;
        directories.iter().rev().try_for_each(|directory| merge.add(&RootDir::open(directory)?))?;
    }
    merge.finish()?;
    home.publish_flat(workspace, &chain)?;
    home.flat(&chain)?.ok_or_else(|| Error::Missing { what: "snapshot", subject: chain.to_string() })
}

/// Layers becoming one, lowest first.
struct Merge<'a> {
    root: &'a RootDir,
    /// What the layers below the group hold.
    below: &'a View,
    marks: OpaqueXattr,
    cancel: &'a Cancel,
    /// The times of directories, to be set when all is in them.
    times: BTreeMap<Vec<u8>, Timestamp>,
}

impl Merge<'_> {
    fn add(&mut self, layer: &RootDir) -> Result<()> {
        let top = layer.top();
        self.directory_meta(top, b".", b"", &top.stat(b".")?)?;
        for found in layer.walk(b"")? {
            let found = found?;
            self.cancel.check()?;
            if found.meta.is_dir() {
                self.directory(&found)?;
            } else {
                self.file(&found)?;
            }
        }
        Ok(())
    }

    fn directory(&mut self, found: &WalkEntry) -> Result<()> {
        let (path, opaque) = (&found.path, opaque_name(self.marks));
        let hides = found.dir().get_xattr(found.name(), opaque)?.as_deref() == Some(b"y");
        let there = match self.root.stat(path) {
            Err(error) if error.is_not_found() => None,
            other => Some(other?),
        };
        let stays = there.as_ref().is_some_and(Meta::is_dir) && !hides;
        if !stays {
            self.clear(path)?;
            self.root.mkdir(path, 0o700)?;
        }
        let replaces = hides || there.is_some_and(|there| !there.is_dir());
        if replaces && self.below.lookup(path).is_some_and(|found| found.entry.node.is_directory()) {
            self.root.set_xattr(path, opaque, b"y")?;
        }
        self.directory_meta(found.dir(), found.name(), path, &found.meta)
    }

    fn directory_meta(&mut self, dir: &Dir, name: &[u8], path: &[u8], meta: &Meta) -> Result<()> {
        copy_meta((dir, name, meta), (&self.root.open_dir(path)?, b"."))?;
        self.times.insert(path.to_vec(), meta.mtime);
        Ok(())
    }

    fn file(&mut self, found: &WalkEntry) -> Result<()> {
        let path = &found.path;
        self.clear(path)?;
        if is_whiteout(&found.meta) && self.below.lookup(path).is_none() {
            return Ok(());
        }
        let (parent, name) = split_path(path);
        let target = self.root.open_dir(parent)?;
        match found.dir().hardlink(found.name(), &target, name) {
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::TooManyLinks => {
                clone_file((found.dir(), found.name(), &found.meta), (&target, name), self.cancel)
            }
            other => other,
        }
    }

    fn clear(&mut self, path: &[u8]) -> Result<()> {
        self.times.retain(|known, _| known != path && !is_below(known, path));
        self.root.remove_tree(path)
    }

    fn finish(self) -> Result<()> {
        self.times.iter().rev().try_for_each(|(path, mtime)| self.root.set_times(path, *mtime))
    }
}

//! Mends what fuse-overlayfs does to a file of a lower layer that has several names: when it is written to, all names
//! show that, but only one of them reaches the upper directory, and not always the one that was written through. Here
//! the others become names of the same file. Knows what the program writes down of a file: where it came from.

use super::super::changes::{OPAQUE, WHITEOUT};
use super::super::clone::copy_meta;
use super::super::settle::opaque_name;
use super::FuseOverlay;
use crate::error::{Error, Result};
use crate::layer::{Node, OpaqueXattr, View, join_path, split_path};
use crate::root_dir::RootDir;
use std::collections::BTreeMap;

/// The path in the lower layers that a file was copied up from, with a zero byte at its end.
const ORIGIN: &[u8] = b"user.fuseoverlayfs.origin";

/// Mends the upper directory. It must not be mounted.
pub(super) fn relink(overlay: &FuseOverlay, marks: OpaqueXattr, base: &View) -> Result<()> {
    let upper = RootDir::open(&overlay.upper)?;
    let mut copied = Vec::new();
    for found in upper.walk(b"")? {
        let found = found?;
        let origin = if found.meta.is_file() { found.dir().get_xattr(found.name(), ORIGIN)? } else { None };
        copied.extend(origin.map(|origin| (found.path, origin)));
    }
    let mut names = Names { base, groups: BTreeMap::new() };
    for (path, origin) in copied {
        for other in names.others(origin.strip_suffix(b"\0").unwrap_or(&origin)) {
            if shows_below(&upper, marks, &other)? {
                link(overlay, &upper, &path, &other)?;
            }
        }
        let (parent, name) = split_path(&path);
        upper.open_dir(parent)?.remove_xattr(name, ORIGIN)?;
    }
    Ok(())
}

/// The names of files that have several, by layer and first name; layers are looked into once.
struct Names<'a> {
    base: &'a View,
    groups: BTreeMap<usize, BTreeMap<&'a [u8], Vec<&'a [u8]>>>,
}

impl Names<'_> {
    /// The other names of a file of the layers below.
    fn others(&mut self, path: &[u8]) -> Vec<Vec<u8>> {
        let base = self.base;
        let Some(found) = base.lookup(path) else { return Vec::new() };
        let Some(layer) = base.layers().get(found.layer) else { return Vec::new() };
        let Some(first) = layer.first_name(found.entry) else { return Vec::new() };
        let groups = self.groups.entry(found.layer).or_insert_with(|| {
            let mut groups: BTreeMap<&[u8], Vec<&[u8]>> = BTreeMap::new();
            for entry in layer.entries() {
                if let Node::HardLink { target } = &entry.node {
                    groups.entry(target).or_insert_with(|| vec![target]).push(&entry.path);
                }
            }
            groups
        });
        let is_seen = |name: &&&[u8]| base.lookup(name).is_some_and(|seen| seen.layer == found.layer);
        let names = groups.get(&*first.path).map(Vec::as_slice).unwrap_or_default();
        names.iter().filter(|name| **name != path).filter(is_seen).map(|name| name.to_vec()).collect()
    }
}

/// Whether the lower layers are seen at the path: neither it nor what is on the way is in the upper directory, but for
/// directories that let them through.
fn shows_below(upper: &RootDir, marks: OpaqueXattr, path: &[u8]) -> Result<bool> {
    for end in (0..=path.len()).filter(|end| *end == path.len() || path[*end] == b'/') {
        let (parent, name) = split_path(&path[..end]);
        let is_there = |path: &[u8]| match upper.stat(path) {
            Err(error) if error.is_not_found() => Ok(None),
            found => found.map(Some),
        };
        if is_there(&join_path(parent, &[WHITEOUT, name].concat()))?.is_some() {
            return Ok(false);
        }
        let Some(meta) = is_there(&path[..end])? else { return Ok(true) };
        if !meta.is_dir() || end == path.len() || is_there(&join_path(&path[..end], OPAQUE))?.is_some() {
            return Ok(false);
        }
        if upper.open_dir(parent)?.get_xattr(name, opaque_name(marks))?.as_deref() == Some(b"y") {
            return Ok(false);
        }
    }
    Ok(false)
}

/// Makes `other` a name of the file at `path`, and directories on the way as they are below.
fn link(overlay: &FuseOverlay, upper: &RootDir, path: &[u8], other: &[u8]) -> Result<()> {
    let mut made = Vec::new();
    let mut ahead = split_path(other).0;
    while !ahead.is_empty() && upper.stat(ahead).is_err_and(|error| error.is_not_found()) {
        made.push(ahead);
        ahead = split_path(ahead).0;
    }
    let before = upper.stat(ahead)?.mtime;
    for directory in made.iter().rev() {
        upper.mkdir(directory, 0o700)?;
    }
    upper.hardlink(path, other)?;
    for directory in made {
        let (parent, name) = split_path(directory);
        let (from, to) = (lower_of(overlay, directory)?, upper.open_dir(parent)?);
        let below = from.open_dir(parent)?;
        copy_meta((&below, name, &below.stat(name)?), (&to, name))?;
    }
    upper.set_times(ahead, before)
}

/// The topmost layer that has the directory.
fn lower_of(overlay: &FuseOverlay, directory: &[u8]) -> Result<RootDir> {
    for lower in &overlay.lowers {
        let lower = RootDir::open(lower)?;
        if lower.stat(directory).is_ok_and(|meta| meta.is_dir()) {
            return Ok(lower);
        }
    }
    Err(Error::Missing { what: "directory", subject: String::from_utf8_lossy(directory).into_owned() })
}

//! Makes a draft's tree what unpacking its layer gives, so that it can be the snapshot without being unpacked again.
//! The layer's index says what that is. Knows no driver's home.

use super::baseline::Baseline;
use super::read::{is_kept, record_of};
use crate::error::Result;
use crate::layer::{Entry, LayerIndex, Node, OpaqueXattr, Ownership, Recorded, is_internal_xattr, split_path};
use crate::root_dir::{Device, Dir, FileKind, Meta, RootDir};
use rbuild_oci::Timestamp;

/// A tree to settle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settling<'a> {
    pub(super) root: &'a RootDir,
    pub(super) ownership: Ownership,
    /// What the layer turned out to hold.
    pub(super) layer: &'a LayerIndex,
    /// The time that the root directory has where the layer does not name it.
    pub(super) root_mtime: Timestamp,
}

impl Settling<'_> {
    /// Settles an upper directory: what the layer does not hold goes, whiteouts and opaque directories are where it
    /// says, no other mark of overlayfs stays.
    pub(super) fn upper(&self, marks: OpaqueXattr) -> Result<()> {
        let mut directories = Vec::new();
        let mut walk = self.root.walk(b"")?;
        while let Some(found) = walk.next() {
            let found = found?;
            let (dir, name) = (found.dir(), found.name());
            match self.layer.get(&found.path) {
                Some(Entry { node: Node::Whiteout, .. }) if is_whiteout(&found.meta) => {}
                None | Some(Entry { node: Node::Whiteout, .. }) => {
                    dir.remove_tree(name)?;
                    walk.skip_dir();
                }
                Some(entry) => {
                    self.settle_xattrs(dir, name, entry)?;
                    if found.meta.is_dir() {
                        directories.push(entry);
                    } else {
                        settle_time(dir, name, &found.meta, entry)?;
                    }
                }
            }
        }
        self.mark_upper(marks)?;
        self.settle_directories(&directories)
    }

    /// Settles a whole tree.
    pub(super) fn whole(&self, baseline: Option<&Baseline>) -> Result<()> {
        if let Some(baseline) = baseline {
            baseline.linked().try_for_each(|names| self.relink(&names))?;
        }
        let mut directories = Vec::new();
        for found in self.root.walk(b"")? {
            let found = found?;
            let (dir, name) = (found.dir(), found.name());
            match self.layer.get(&found.path) {
                _ if found.meta.kind == FileKind::Socket || is_whiteout(&found.meta) => {
                    remove_unnoticed(dir, name)?;
                }
                Some(entry) => {
                    self.settle_xattrs(dir, name, entry)?;
                    if found.meta.is_dir() {
                        directories.push(entry.clone());
                    } else {
                        settle_time(dir, name, &found.meta, entry)?;
                    }
                }
                None if found.meta.mtime.nanos == 0 => {}
                None if found.meta.is_dir() => directories.push(unnamed(&found.path, &found.meta)),
                None => dir.set_times(name, Timestamp::from_seconds(found.meta.mtime.seconds))?,
            }
        }
        self.settle_directories(&directories.iter().collect::<Vec<_>>())
    }

    fn mark_upper(&self, marks: OpaqueXattr) -> Result<()> {
        for entry in self.layer.entries() {
            match entry.node {
                Node::Directory { opaque: true, .. } => {
                    self.root.set_xattr(&entry.path, opaque_name(marks), b"y")?;
                }
                Node::Whiteout => self.make_whiteout(&entry.path)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn make_whiteout(&self, path: &[u8]) -> Result<()> {
        match self.root.mknod(path, FileKind::CharDevice, 0, Device { major: 0, minor: 0 }) {
            Err(error) if error.is_taken() => Ok(()),
            other => other,
        }
    }

    /// Makes names one file again that were one below and that the layer says nothing of, so nothing of it changed.
    fn relink(&self, names: &[&[u8]]) -> Result<()> {
        let mut first: Option<(&[u8], Meta)> = None;
        for name in names {
            if self.layer.get(name).is_some() || self.layer.hides_below(name) {
                continue;
            }
            let meta = self.root.stat(name)?;
            match &first {
                None => first = Some((name, meta)),
                Some((_, one)) if one.id() == meta.id() => {}
                Some((one, _)) => self.replace_by_link(one, name)?,
            }
        }
        Ok(())
    }

    fn replace_by_link(&self, target: &[u8], name: &[u8]) -> Result<()> {
        let parent = split_path(name).0;
        let before = self.root.stat(parent)?.mtime;
        self.root.remove(name)?;
        self.root.hardlink(target, name)?;
        self.root.set_times(parent, before)
    }

    fn settle_xattrs(&self, dir: &Dir, name: &[u8], entry: &Entry) -> Result<()> {
        let mut wanted = entry.xattrs.clone();
        if self.ownership == Ownership::Recorded {
            wanted.extend(record_of(entry).map(|record| (Recorded::XATTR.to_vec(), record)));
        }
        let is_device = matches!(entry.node, Node::CharDevice(_) | Node::BlockDevice(_));
        strip(dir, name, |attribute| {
            if is_device && attribute == Recorded::XATTR {
                return false;
            }
            let ours = is_kept(attribute) || is_internal_xattr(attribute) || attribute.starts_with(b"trusted.");
            ours && !wanted.contains_key(attribute)
        })?;
        for (attribute, value) in &wanted {
            if dir.get_xattr(name, attribute)?.as_ref() != Some(value) {
                dir.set_xattr(name, attribute, value)?;
            }
        }
        Ok(())
    }

    /// Deepest first, when nothing else will change them any more.
    fn settle_directories(&self, directories: &[&Entry]) -> Result<()> {
        for entry in directories.iter().rev() {
            if !matches!(entry.node, Node::Directory { implied: true, .. }) {
                self.root.set_times(&entry.path, Timestamp::from_seconds(entry.mtime))?;
            }
        }
        let top = self.root.top();
        match self.layer.get(b"") {
            Some(entry) if !matches!(entry.node, Node::Directory { implied: true, .. }) => {
                self.settle_xattrs(top, b".", entry)?;
                top.set_times(b".", Timestamp::from_seconds(entry.mtime))
            }
            _ => {
                strip(top, b".", |attribute| is_internal_xattr(attribute) && attribute != Recorded::XATTR)?;
                top.set_times(b".", self.root_mtime)
            }
        }
    }
}

/// The attribute that marks a directory as opaque.
pub(super) const fn opaque_name(marks: OpaqueXattr) -> &'static [u8] {
    match marks {
        OpaqueXattr::Trusted => b"trusted.overlay.opaque",
        OpaqueXattr::User => b"user.overlay.opaque",
    }
}

/// Removes `name` and leaves its directory's time as it was.
pub(super) fn remove_unnoticed(dir: &Dir, name: &[u8]) -> Result<()> {
    let before = dir.stat(b".")?.mtime;
    dir.remove(name)?;
    dir.set_times(b".", before)
}

/// Whether this is how overlayfs writes that something is deleted.
pub(super) fn is_whiteout(meta: &Meta) -> bool {
    meta.kind == FileKind::CharDevice && meta.rdev == (Device { major: 0, minor: 0 })
}

fn settle_time(dir: &Dir, name: &[u8], meta: &Meta, entry: &Entry) -> Result<()> {
    let wanted = Timestamp::from_seconds(entry.mtime);
    if meta.mtime == wanted { Ok(()) } else { dir.set_times(name, wanted) }
}

fn strip(dir: &Dir, name: &[u8], unwanted: impl Fn(&[u8]) -> bool) -> Result<()> {
    let all = dir.list_xattrs(name)?;
    all.iter().filter(|attribute| unwanted(attribute)).try_for_each(|attribute| dir.remove_xattr(name, attribute))
}

/// A directory that the layer says nothing of, with its time in whole seconds.
fn unnamed(path: &[u8], meta: &Meta) -> Entry {
    Entry { mtime: meta.mtime.seconds, ..Entry::new(path, Node::DIRECTORY, meta.mode) }
}

//! A file of a driver's tree read as the entry of a layer, and told apart from the marks that overlayfs leaves. Knows
//! one file at a time.

use crate::error::{Error, Result};
use crate::layer::{
    Entry, FileData, Node, OpaqueXattr, Ownership, Recorded, View, is_internal_xattr, portable_xattr, show_path,
};
use crate::root_dir::{Device, Dir, FileKind, Meta, Xattrs};

/// What a file turned out to be.
#[derive(Debug)]
pub(super) enum Seen {
    /// Something that a layer can hold; `opaque` if overlayfs shows nothing of the layers below in it.
    Entry { entry: Entry, opaque: bool },
    /// A mark that the layers below have something here that is deleted.
    Whiteout,
    /// Something that no layer can hold, and what it is.
    Unfit(&'static str),
}

/// Where and how a tree is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    /// Which marks of overlayfs are meant; none in a tree that was no upper directory.
    pub marks: Option<OpaqueXattr>,
    /// Where owners are.
    pub ownership: Ownership,
    /// The layers below.
    pub base: &'a View,
}

impl Reading<'_> {
    /// Reads `name` of `dir`, which is `path` in the tree.
    pub(super) fn read(self, dir: &Dir, name: &[u8], path: &[u8], meta: &Meta) -> Result<Seen> {
        let about = |error: Error| error.about(path);
        if meta.kind == FileKind::Socket {
            return Ok(Seen::Unfit("a socket"));
        }
        if meta.kind == FileKind::CharDevice && meta.rdev == (Device { major: 0, minor: 0 }) {
            return Ok(if self.marks.is_some() { Seen::Whiteout } else { Seen::Unfit("a character device 0:0") });
        }
        let all = dir.xattrs(name).map_err(about)?;
        let mark = |mark: &[u8]| self.mark(&all, mark);
        if meta.is_file() && mark(b"whiteout").is_some() {
            return Ok(Seen::Whiteout);
        }
        if mark(b"redirect").is_some() || mark(b"metacopy").is_some() {
            let reason = "it was written through an overlay with redirect_dir or metacopy: mount with both off";
            return Err(Error::Refused { what: "file", subject: show_path(path), reason: reason.to_owned() });
        }
        let opaque = mark(b"opaque").is_some_and(|value| value == b"y");
        let node = node(dir, name, meta).map_err(about)?;
        Ok(Seen::Entry { entry: self.entry(path, node, meta, &all), opaque })
    }

    fn mark<'a>(self, xattrs: &'a Xattrs, mark: &[u8]) -> Option<&'a Vec<u8>> {
        let prefix: &[u8] = match self.marks? {
            OpaqueXattr::Trusted => b"trusted.overlay.",
            OpaqueXattr::User => b"user.overlay.",
        };
        xattrs.get(&[prefix, mark].concat())
    }

    fn entry(self, path: &[u8], node: Node, meta: &Meta, all: &Xattrs) -> Entry {
        let recorded = all.get(Recorded::XATTR).and_then(|value| Recorded::decode(value));
        let owner = recorded.filter(|_| self.ownership == Ownership::Recorded);
        let (uid, gid) = owner.map_or((meta.uid, meta.gid), |recorded| (recorded.uid, recorded.gid));
        let device = recorded.and_then(|recorded| recorded.device).filter(|_| meta.is_file() && meta.size == 0);
        let device = device.map(|(kind, device)| match kind {
            FileKind::BlockDevice => Node::BlockDevice(device),
            _ => Node::CharDevice(device),
        });
        let node = device.filter(|device| self.is_stand_in(path, device)).unwrap_or(node);
        let (mode, mtime, path) = (meta.mode, meta.mtime.seconds, path.to_vec());
        Entry { path, node, mode, uid, gid, mtime, xattrs: kept_xattrs(all) }
    }

    /// Whether an empty file that says so stands for the device. Where owners are real, the file of any user may say it,
    /// so it is believed for what the layers below have there only.
    fn is_stand_in(self, path: &[u8], device: &Node) -> bool {
        let is_below = || self.base.lookup(path).is_some_and(|found| found.entry.node == *device);
        self.ownership == Ownership::Recorded || is_below()
    }
}

/// Those attributes that layers hold.
fn kept_xattrs(all: &Xattrs) -> Xattrs {
    let kept = all.iter().filter(|(name, _)| is_kept(name));
    kept.map(|(name, value)| (name.clone(), portable_xattr(name, value.clone()))).collect()
}

/// Whether layers of steps hold the attribute: what users and capabilities need, not what one machine's security
/// modules and file systems keep there.
pub(super) fn is_kept(name: &[u8]) -> bool {
    let of_images = name.starts_with(b"user.") || name.starts_with(b"system.posix_acl_");
    !is_internal_xattr(name) && (of_images || name == b"security.capability")
}

/// The attribute that holds the true owner of what the entry says, where owners are recorded and it is not root's.
pub(super) fn record_of(entry: &Entry) -> Option<Vec<u8>> {
    let device = match entry.node {
        Node::CharDevice(device) => Some((FileKind::CharDevice, device)),
        Node::BlockDevice(device) => Some((FileKind::BlockDevice, device)),
        Node::Symlink { .. } | Node::Fifo => return None,
        _ => None,
    };
    Recorded { uid: entry.uid, gid: entry.gid, device }.encode()
}

fn node(dir: &Dir, name: &[u8], meta: &Meta) -> Result<Node> {
    Ok(match meta.kind {
        FileKind::Directory => Node::DIRECTORY,
        FileKind::File => Node::File(FileData::unread(meta.size)),
        FileKind::Symlink => Node::Symlink { target: dir.readlink(name)? },
        FileKind::CharDevice => Node::CharDevice(meta.rdev),
        FileKind::BlockDevice => Node::BlockDevice(meta.rdev),
        FileKind::Fifo | FileKind::Socket => Node::Fifo,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::LayerIndex;
    use crate::root_dir::RootDir;

    #[test]
    fn only_what_an_image_can_mean_is_kept() {
        let kept = ["user.kit", "security.capability", "system.posix_acl_access"];
        let dropped = ["user.overlay.opaque", "trusted.overlay.origin", "user.rbuild.stat", "security.selinux"];
        let all = kept.iter().chain(&dropped).map(|name| (name.as_bytes().to_vec(), b"y".to_vec())).collect();
        let names: Vec<_> = kept_xattrs(&all).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, [b"security.capability".to_vec(), b"system.posix_acl_access".to_vec(), b"user.kit".to_vec()]);
    }

    #[test]
    fn a_file_that_claims_to_be_a_device_is_believed_only_where_one_was() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("f"), "").unwrap();
        let root = RootDir::open(place.path()).unwrap();
        let (top, claim) = (root.top(), b"0:0:c:1:3");
        if let Err(error) = top.set_xattr(b"f", Recorded::XATTR, claim) {
            eprintln!("SKIP: no attributes of users here: {error}");
            return;
        }
        let read = |ownership, base: &View| {
            let reading = Reading { marks: None, ownership, base };
            match reading.read(top, b"f", b"f", &top.stat(b"f").unwrap()).unwrap() {
                Seen::Entry { entry, .. } => entry.node,
                other => panic!("{other:?}"),
            }
        };
        let device = Node::CharDevice(Device { major: 1, minor: 3 });
        let below = |node| {
            View::new(vec![
                LayerIndex::new(vec![Entry::new("f", node, 0o600)], std::collections::BTreeMap::new()).unwrap().into(),
            ])
        };
        assert_eq!(read(Ownership::Recorded, &View::default()), device);
        assert!(matches!(read(Ownership::Apply, &View::default()), Node::File(_)));
        assert!(matches!(
            read(Ownership::Apply, &below(Node::CharDevice(Device { major: 8, minor: 0 }))),
            Node::File(_)
        ));
        assert_eq!(read(Ownership::Apply, &below(device.clone())), device);
    }
}

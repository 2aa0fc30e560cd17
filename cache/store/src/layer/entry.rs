//! One line of a layer: a path and everything about it but its bytes. Knows neither tar nor disk.

use crate::root_dir::{Device, Xattrs};
use rbuild_oci::Digest;
use std::cmp::Ordering;
use std::num::NonZeroU64;

/// What a layer says about one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The path from the root, with no leading or trailing slash; the root itself is empty. Any bytes but NUL.
    pub path: Vec<u8>,
    /// What is there.
    pub node: Node,
    /// The twelve permission bits.
    pub mode: u32,
    /// The owner, as seen inside the image.
    pub uid: u32,
    /// The group, as seen inside the image.
    pub gid: u32,
    /// The modification time in whole seconds since 1970.
    pub mtime: i64,
    /// Extended attributes; `security.capability` is always of revision 2.
    pub xattrs: Xattrs,
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A directory.
    Directory {
        /// Nothing of the layers below shows through.
        opaque: bool,
        /// The layer has something below this path but says nothing of the directory itself: the layers below decide
        /// its mode, owner and time; where they have no directory it is root's, 0755, of 1970.
        implied: bool,
    },
    /// A regular file.
    File(FileData),
    /// A further name of a file of the same layer. The entry's other fields are those of the target.
    HardLink {
        /// The path of the first name; never itself a hard link.
        target: Vec<u8>,
    },
    /// A symbolic link.
    Symlink {
        /// Where it points, as written.
        target: Vec<u8>,
    },
    /// A character device.
    CharDevice(Device),
    /// A block device.
    BlockDevice(Device),
    /// A named pipe.
    Fifo,
    /// Nothing: what the layers below have here is deleted.
    Whiteout,
}

/// The data of a regular file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileData {
    /// The size in bytes.
    pub size: u64,
    /// The digest of the data; [`FileData::UNREAD`] where nobody has read it yet.
    pub digest: Digest,
    /// Where in the layer's uncompressed tarball the data starts; none where it does not lie in one piece (sparse
    /// files of foreign layers) or is not in a tarball yet.
    pub offset: Option<NonZeroU64>,
}

impl FileData {
    /// Stands for the digest of data that nobody has read yet.
    pub const UNREAD: Digest = Digest::from_bytes([0; 32]);

    /// Data of that size that nobody has read yet.
    pub const fn unread(size: u64) -> Self {
        Self { size, digest: Self::UNREAD, offset: None }
    }

    /// Whether somebody has read the data.
    pub fn is_read(&self) -> bool {
        self.digest != Self::UNREAD
    }
}

impl Node {
    /// A directory that shows what the layers below have in it.
    pub const DIRECTORY: Self = Self::Directory { opaque: false, implied: false };

    /// Whether this is a directory.
    pub const fn is_directory(&self) -> bool {
        matches!(self, Self::Directory { .. })
    }
}

impl Entry {
    /// An entry of root's with no xattrs, of 1970.
    pub fn new(path: impl Into<Vec<u8>>, node: Node, mode: u32) -> Self {
        Self { path: path.into(), node, mode, uid: 0, gid: 0, mtime: 0, xattrs: Xattrs::new() }
    }

    /// The digest of a regular file's data; [`FileData::UNREAD`] where nobody has read it, and of all else.
    pub const fn digest(&self) -> Digest {
        match self.node {
            Node::File(FileData { digest, .. }) => digest,
            _ => FileData::UNREAD,
        }
    }

    /// The last component of the path; empty for the root.
    pub fn name(&self) -> &[u8] {
        split_path(&self.path).1
    }
}

/// The order of entries in layers and indexes: component by component, so that a directory comes right before all that
/// is below it.
pub fn compare_paths(a: &[u8], b: &[u8]) -> Ordering {
    let differs = a.iter().zip(b).position(|(a, b)| a != b);
    let rank = |byte: u8| if byte == b'/' { 0 } else { byte };
    differs.map_or(a.len().cmp(&b.len()), |at| rank(a[at]).cmp(&rank(b[at])))
}

/// The path's parent and its last component; the root's are both empty.
pub fn split_path(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&[], path),
    }
}

/// Why no file system could have something at the path, if so: each component but the root's is a name of 1 to 255 bytes
/// (`NAME_MAX`), none of them NUL, and is neither `.` nor `..`.
pub(super) fn impossible(path: &[u8]) -> Option<&'static str> {
    let wrong = |name: &[u8]| match name {
        b"" => Some("a name in its path is empty"),
        b"." | b".." => Some("its path has . or .. in it"),
        _ => impossible_name(name),
    };
    if path.is_empty() { None } else { path.split(|byte| *byte == b'/').find_map(wrong) }
}

/// The same of one name, of any length but 0.
pub(super) fn impossible_name(name: &[u8]) -> Option<&'static str> {
    if name.contains(&0) {
        return Some("its path has a NUL in it");
    }
    (name.len() > 255).then_some("a name in its path has more than 255 bytes")
}

/// The path of `name` in `parent`.
pub fn join_path(parent: &[u8], name: &[u8]) -> Vec<u8> {
    if parent.is_empty() { name.to_vec() } else { [parent, b"/", name].concat() }
}

/// Whether `path` is strictly below `directory`.
pub fn is_below(path: &[u8], directory: &[u8]) -> bool {
    if directory.is_empty() {
        return !path.is_empty();
    }
    path.len() > directory.len() && path.starts_with(directory) && path[directory.len()] == b'/'
}

/// The path as people read it: absolute, with bytes that are not UTF-8 shown as the replacement character.
pub fn show_path(path: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subtree_is_contiguous() {
        let mut paths = ["a.b", "a", "a/b/c", "a-", "a/b", "", "ab", "a/b.c", "b"];
        paths.sort_by(|a, b| compare_paths(a.as_bytes(), b.as_bytes()));
        assert_eq!(paths, ["", "a", "a/b", "a/b/c", "a/b.c", "a-", "a.b", "ab", "b"]);
    }

    #[test]
    fn paths_split_and_join() {
        for (path, parent, name) in [("", "", ""), ("a", "", "a"), ("a/b", "a", "b"), ("a/b/c", "a/b", "c")] {
            assert_eq!(split_path(path.as_bytes()), (parent.as_bytes(), name.as_bytes()));
            assert_eq!(join_path(parent.as_bytes(), name.as_bytes()), path.as_bytes());
        }
        assert!(is_below(b"a/b", b"a") && is_below(b"a", b""));
        assert_eq!(impossible(b"").or(impossible(b"a/...")).or(impossible(&[b'n'; 255])), None);
        for path in [&b"a/../b"[..], b".", b"/a", b"a/", b"a//b", b"a/\0", &[b'n'; 256]] {
            assert!(impossible(path).is_some(), "{}", show_path(path));
        }
        assert!(!is_below(b"ab", b"a") && !is_below(b"", b"") && !is_below(b"a", b"a"));
    }
}

//! Whether a file is what the layers below say of its path. Knows one file at a time.

use super::read::is_kept;
use crate::error::{Error, Result};
use crate::layer::{Entry, Node, Ownership, View, show_path};
use crate::root_dir::Xattrs;
use rbuild_oci::{Cancel, Digest, Hasher};
use std::fs::File;
use std::io::Read;

/// Whether the directory has the mode, owner, time and attributes that it has below. The root's time does not count:
/// it would put the root into every layer.
pub(super) fn is_same_directory(now: &Entry, below: Option<&Entry>) -> bool {
    let root;
    let below = match below {
        None if now.path.is_empty() => {
            root = Entry::new(Vec::new(), Node::DIRECTORY, 0o755);
            &root
        }
        None => return false,
        Some(below) => below,
    };
    let same_time = now.path.is_empty() || now.mtime == below.mtime;
    same_time && now.mode == below.mode && is_same_owner(now, below) && is_same_xattrs(now, below)
}

/// Whether a file of any other kind is the same; its data is read only if all else is equal.
pub(super) fn is_same_file(
    now: &Entry,
    base: &View,
    ownership: Ownership,
    open: impl FnOnce() -> Result<File>,
    cancel: &Cancel,
) -> Result<bool> {
    let Some(below) = base.lookup(&now.path) else { return Ok(false) };
    let Some(below) = base.layers().get(below.layer).and_then(|layer| layer.first_name(below.entry)) else {
        return Ok(false);
    };
    let is_link = matches!(now.node, Node::Symlink { .. });
    let same_mode = is_link || now.mode == below.mode;
    let holds_no_record = is_link || now.node == Node::Fifo;
    let same_owner = holds_no_record && ownership == Ownership::Recorded || is_same_owner(now, below);
    if !(same_mode && same_owner && now.mtime == below.mtime && is_same_xattrs(now, below)) {
        return Ok(false);
    }
    match (&now.node, &below.node) {
        (Node::File(now_data), Node::File(below)) if now_data.size == below.size => {
            let digest = open().and_then(|file| digest(file, cancel)).map_err(|error| error.about(&now.path))?;
            Ok(digest == below.digest)
        }
        (Node::File(_), _) => Ok(false),
        (now, below) => Ok(now == below),
    }
}

fn is_same_owner(now: &Entry, below: &Entry) -> bool {
    (now.uid, now.gid) == (below.uid, below.gid)
}

fn is_same_xattrs(now: &Entry, below: &Entry) -> bool {
    fn kept(xattrs: &Xattrs) -> impl Iterator<Item = (&Vec<u8>, &Vec<u8>)> {
        xattrs.iter().filter(|(name, _)| is_kept(name))
    }
    kept(&now.xattrs).eq(kept(&below.xattrs))
}

fn digest(mut file: File, cancel: &Cancel) -> Result<Digest> {
    let (mut hasher, mut buffer) = (Hasher::new(), vec![0; 256 << 10]);
    loop {
        cancel.check()?;
        match file.read(&mut buffer).map_err(Error::io("read", show_path(b"")))? {
            0 => return Ok(hasher.finish()),
            read => hasher.update(&buffer[..read]),
        }
    }
}

//! Two layers compared, entry by entry, by their indexes; bytes are read only of what differs. Knows no step.

use super::difference::{Difference, What};
use crate::error::{Error, Result};
use rbuild_oci::{DiffId, Timestamp};
use rbuild_store::Store;
use rbuild_store::content::ContentStore;
use rbuild_store::layer::{Entry, LayerIndex, Node, compare_paths, fill, show_path};
use std::cmp::Ordering;
use std::io::Read;

/// In what the second layer differs from the first, in the order of paths.
pub(super) fn compare(store: &Store, first: &DiffId, second: &DiffId) -> Result<Vec<Difference>> {
    if first == second {
        return Ok(Vec::new());
    }
    let layers = store.layers();
    let (a, b) = (layers.index(first)?, layers.index(second)?);
    let mut found = Vec::new();
    for pair in pairs(&a, &b) {
        match pair {
            (Some(one), Some(other)) => entries(store, (first, one), (second, other), &mut found)?,
            (one, other) => found.extend(one.or(other).map(|entry| {
                let there = |side: Option<&Entry>| side.map_or("missing", |_| "there");
                Difference::new(What::Presence, show_path(&entry.path), there(one), there(other))
            })),
        }
    }
    if found.is_empty() {
        found.push(tarballs(store, (first, &a), (second, &b))?);
    }
    Ok(found)
}

/// The entries of both, path by path, in order.
fn pairs<'a>(a: &'a LayerIndex, b: &'a LayerIndex) -> Vec<(Option<&'a Entry>, Option<&'a Entry>)> {
    let (mut a, mut b) = (a.entries().iter().peekable(), b.entries().iter().peekable());
    let mut pairs = Vec::new();
    loop {
        let order = match (a.peek(), b.peek()) {
            (None, None) => return pairs,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(one), Some(other)) => compare_paths(&one.path, &other.path),
        };
        pairs.push((if order.is_le() { a.next() } else { None }, if order.is_ge() { b.next() } else { None }));
    }
}

fn entries(
    store: &Store,
    (first, a): (&DiffId, &Entry),
    (second, b): (&DiffId, &Entry),
    found: &mut Vec<Difference>,
) -> Result<()> {
    found.extend(nodes(store, (first, a), (second, b))?);
    // What else an entry of a further name has is that of its first.
    if let (Node::HardLink { .. }, Node::HardLink { .. }) = (&a.node, &b.node) {
        return Ok(());
    }
    let path = show_path(&a.path);
    let mut differs = |what, one: String, other: String| found.push(Difference::new(what, &path, one, other));
    if a.mode != b.mode {
        differs(What::Mode, format!("{:04o}", a.mode), format!("{:04o}", b.mode));
    }
    if (a.uid, a.gid) != (b.uid, b.gid) {
        differs(What::Owner, format!("{}:{}", a.uid, a.gid), format!("{}:{}", b.uid, b.gid));
    }
    if a.xattrs != b.xattrs {
        differs(What::Attributes, attributes(a), attributes(b));
    }
    if a.mtime != b.mtime {
        let text = |seconds| Timestamp::from_seconds(seconds).to_string();
        differs(What::Time, text(a.mtime), text(b.mtime));
    }
    Ok(())
}

/// In what two entries differ that is their own kind's.
fn nodes(store: &Store, (first, a): (&DiffId, &Entry), (second, b): (&DiffId, &Entry)) -> Result<Option<Difference>> {
    let path = show_path(&a.path);
    let differs = |what, one: String, other: String| Some(Difference::new(what, &path, one, other));
    let text = |target: &[u8]| String::from_utf8_lossy(target).into_owned();
    Ok(match (&a.node, &b.node) {
        (Node::File(one), Node::File(other)) => {
            if one.digest == other.digest {
                return Ok(None);
            }
            let layers = store.layers();
            let offset = first_difference(layers.read_file(first, a)?, layers.read_file(second, b)?, &path)?;
            let [one, other] = [one, other].map(|data| format!("{} bytes", data.size));
            differs(What::Content, one, other).map(|content| content.from_byte(offset))
        }
        (one, other) if one == other => None,
        (Node::HardLink { target: one }, Node::HardLink { target: other })
        | (Node::Symlink { target: one }, Node::Symlink { target: other }) => {
            differs(What::Target, text(one), text(other))
        }
        (one, other) => differs(What::Kind, kind(one), kind(other)),
    })
}

fn kind(node: &Node) -> String {
    match node {
        Node::Directory { opaque: true, .. } => "an opaque directory".to_owned(),
        Node::Directory { .. } => "a directory".to_owned(),
        Node::File(_) => "a file".to_owned(),
        Node::HardLink { target } => format!("a hard link to {}", show_path(target)),
        Node::Symlink { .. } => "a symbolic link".to_owned(),
        Node::CharDevice(device) => format!("a character device {device:?}"),
        Node::BlockDevice(device) => format!("a block device {device:?}"),
        Node::Fifo => "a pipe".to_owned(),
        Node::Whiteout => "deleted".to_owned(),
    }
}

fn attributes(entry: &Entry) -> String {
    let text = |(name, value): (&Vec<u8>, &Vec<u8>)| {
        format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value).escape_debug())
    };
    let all: Vec<String> = entry.xattrs.iter().map(text).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

/// Two layers that say the same in other bytes.
fn tarballs(
    store: &Store,
    (first, a): (&DiffId, &LayerIndex),
    (second, b): (&DiffId, &LayerIndex),
) -> Result<Difference> {
    let offsets = |index: &LayerIndex| {
        let mut all: Vec<(u64, Vec<u8>)> = index
            .entries()
            .iter()
            .filter_map(|entry| match &entry.node {
                Node::File(data) => Some((data.offset?.get(), entry.path.clone())),
                _ => None,
            })
            .collect();
        all.sort();
        all.into_iter().map(|(_, path)| path).collect::<Vec<_>>()
    };
    let (one, other) = (offsets(a), offsets(b));
    if let Some((one, other)) = one.iter().zip(&other).find(|(one, other)| one != other) {
        return Ok(Difference::new(What::Order, show_path(one), show_path(one), show_path(other)));
    }
    let open = |layer: &DiffId| -> Result<Box<dyn Read>> {
        let missing = || Error::Step(format!("the layer {layer} is not in the store any more"));
        Ok(Box::new(store.content().open(&layer.0)?.ok_or_else(missing)?))
    };
    let offset = first_difference(open(first)?, open(second)?, "a layer")?;
    Ok(Difference::new(What::Tarball, "the tarball", first, second).from_byte(offset))
}

/// The first byte in which two readers differ; where one ends, its length.
fn first_difference(mut first: impl Read, mut second: impl Read, name: &str) -> Result<u64> {
    let [mut a, mut b] = [vec![0; BLOCK], vec![0; BLOCK]];
    let mut at = 0;
    loop {
        let one = fill(&mut first, &mut a).map_err(Error::io("read", name))?;
        let other = fill(&mut second, &mut b).map_err(Error::io("read", name))?;
        let same = a[..one].iter().zip(&b[..other]).take_while(|(one, other)| one == other).count();
        at += same as u64;
        if same < one.max(other) || one == 0 {
            return Ok(at);
        }
    }
}

const BLOCK: usize = 1 << 16;

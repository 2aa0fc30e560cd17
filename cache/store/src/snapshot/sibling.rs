//! A layer beside one that lies unpacked on the same stack: what is to be laid over that one to have it, where that is
//! little. Knows indexes, and no directory.

use crate::layer::{Entry, FileData, LayerIndex, Node, View, compare_paths, is_below, split_path};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;

/// What it takes to make one more file, in bytes that could be written meanwhile.
const FILE: u64 = 4096;
/// What has to be spared.
const WORTH: u64 = 256 * FILE;
/// Of how many parts of the work one may be left.
const PARTS: u64 = 4;

/// Whether unpacking a layer is so much work that a sibling is worth looking for.
pub(super) fn is_large(layer: &LayerIndex) -> bool {
    layer.entries().iter().map(work).sum::<u64>() >= WORTH
}

/// What is to be laid over the directory of `sibling` to have `layer`, both on the stack `below`: the entries that
/// differ in the directories that hold them, and whiteouts. None where that spares little, or where no directory over
/// the sibling's shows what the layer's own would: names of one file that differ, something below that would have to show
/// through, data that does not lie in one piece.
pub(super) fn difference(layer: &LayerIndex, sibling: &LayerIndex, below: &View) -> Option<LayerIndex> {
    let mut laying = Laying::new(layer, below);
    let (mut new, mut old) = (layer.entries().iter().peekable(), sibling.entries().iter().peekable());
    loop {
        match first(&mut new, &mut old) {
            Some(Ordering::Less) => laying.add(new.next()?)?,
            Some(Ordering::Equal) => laying.compare(new.next()?, old.next()?)?,
            Some(Ordering::Greater) => {
                let gone = old.next()?;
                laying.remove(gone)?;
                while let Some(entry) = old.next_if(|entry| is_below(&entry.path, &gone.path)) {
                    refuse_link(entry)?;
                }
            }
            None => return laying.finish(),
        }
    }
}

/// Which of two lists of entries has the next path; none at the end of both.
fn first<'a>(
    new: &mut Peekable<impl Iterator<Item = &'a Entry>>,
    old: &mut Peekable<impl Iterator<Item = &'a Entry>>,
) -> Option<Ordering> {
    match (new.peek(), old.peek()) {
        (Some(new), Some(old)) => Some(compare_paths(&new.path, &old.path)),
        (new, old) => Some(new.is_none().cmp(&old.is_none())).filter(|order| order.is_ne()),
    }
}

/// The entries that are laid over a sibling, as they are found. Each method gives none where it cannot be done.
struct Laying<'a> {
    layer: &'a LayerIndex,
    below: &'a View,
    /// The first names of files that have several.
    linked: BTreeSet<&'a [u8]>,
    entries: Vec<Entry>,
    directories: BTreeSet<&'a [u8]>,
    spared: u64,
}

impl<'a> Laying<'a> {
    fn new(layer: &'a LayerIndex, below: &'a View) -> Self {
        let linked = layer.entries().iter().filter_map(|entry| match &entry.node {
            Node::HardLink { target } => Some(target.as_slice()),
            _ => None,
        });
        Self { layer, below, linked: linked.collect(), entries: Vec::new(), directories: BTreeSet::new(), spared: 0 }
    }

    /// Something that the sibling does not have.
    fn add(&mut self, new: &'a Entry) -> Option<()> {
        match &new.node {
            Node::Whiteout | Node::HardLink { .. } => None,
            Node::Directory { .. } => {
                self.parents(&new.path)?;
                self.directories.insert(&new.path);
                self.entries.push(new.clone());
                Some(())
            }
            _ => self.put(new),
        }
    }

    /// Something that both have.
    fn compare(&mut self, new: &'a Entry, old: &Entry) -> Option<()> {
        let is_alone = |node: &Node| !matches!(node, Node::Whiteout | Node::HardLink { .. } | Node::Directory { .. });
        match (&new.node, &old.node) {
            _ if is_same(new, old) => {
                self.spared += work(new);
                Some(())
            }
            (Node::Directory { opaque, .. }, Node::Directory { opaque: other, .. }) if opaque == other => {
                self.directory(new)
            }
            (new_node, old_node) if is_alone(new_node) && is_alone(old_node) => self.put(new),
            _ => None,
        }
    }

    /// Something that only the sibling has.
    fn remove(&mut self, old: &Entry) -> Option<()> {
        refuse_link(old)?;
        let shows = self.below.lookup(&old.path).is_some() && !self.layer.hides_below(&old.path);
        if shows || old.node == Node::Whiteout {
            return None;
        }
        self.parents(&old.path)?;
        self.entries.push(Entry::new(old.path.clone(), Node::Whiteout, 0));
        Some(())
    }

    /// Neither a directory nor a name of something else.
    fn put(&mut self, new: &'a Entry) -> Option<()> {
        let is_in_one_piece = match &new.node {
            Node::File(FileData { offset, .. }) => offset.is_some(),
            _ => true,
        };
        if !is_in_one_piece || self.linked.contains(new.path.as_slice()) {
            return None;
        }
        self.parents(&new.path)?;
        self.entries.push(new.clone());
        Some(())
    }

    /// The directories that hold what is at a path.
    fn parents(&mut self, path: &[u8]) -> Option<()> {
        if path.is_empty() {
            return Some(());
        }
        self.directory(self.layer.get(split_path(path).0)?)
    }

    /// A directory that the sibling has, too. That nothing shows through it is said there.
    fn directory(&mut self, entry: &'a Entry) -> Option<()> {
        if self.directories.contains(entry.path.as_slice()) {
            return Some(());
        }
        self.parents(&entry.path)?;
        let Node::Directory { implied, .. } = entry.node else { return None };
        self.directories.insert(&entry.path);
        self.entries.push(Entry { node: Node::Directory { opaque: false, implied }, ..entry.clone() });
        Some(())
    }

    /// All of it, with the root, whose metadata are those of the topmost.
    fn finish(mut self) -> Option<LayerIndex> {
        if self.entries.is_empty() {
            self.directory(self.layer.get(b"")?)?;
        }
        let left: u64 = self.entries.iter().map(work).sum();
        let is_worth_it = self.spared >= WORTH && left <= self.spared / PARTS;
        is_worth_it.then(|| LayerIndex::new(self.entries, BTreeMap::new()))?
    }
}

/// None of a further name of a file: the file would count it still.
const fn refuse_link(entry: &Entry) -> Option<()> {
    if matches!(entry.node, Node::HardLink { .. }) { None } else { Some(()) }
}

/// Whether what is unpacked of two entries is the same, wherever their data lie.
fn is_same(one: &Entry, other: &Entry) -> bool {
    let is_same_node = match (&one.node, &other.node) {
        (Node::File(one), Node::File(other)) => one.is_read() && (one.size, one.digest) == (other.size, other.digest),
        (one, other) => one == other,
    };
    let numbers = |entry: &Entry| (entry.mode, entry.uid, entry.gid, entry.mtime);
    is_same_node && numbers(one) == numbers(other) && one.xattrs == other.xattrs
}

fn work(entry: &Entry) -> u64 {
    match &entry.node {
        Node::File(data) => FILE.saturating_add(data.size),
        _ => FILE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::testing::words;
    use crate::snapshot::view;
    use rbuild_oci::Digest;
    use std::num::NonZeroU64;
    use std::sync::Arc;

    /// A layer from words: `a/` a directory, `a/=` opaque, `-a` deleted, `a>b` a hard link, `a:text` a file, `a` one of
    /// the text "x", `a~` one in pieces. It has one large file besides.
    fn layer(text: &str) -> LayerIndex {
        let file = |size, text: &str, offset| {
            Node::File(FileData { size, digest: Digest::of(text.as_bytes()), offset: NonZeroU64::new(offset) })
        };
        let implied = Entry::new("", Node::Directory { opaque: false, implied: true }, 0o755);
        let mut entries = vec![implied, Entry::new("large", file(WORTH * 10, "", 512), 0o644)];
        for word in text.split_whitespace() {
            let (path, node) = if let Some((path, content)) = word.split_once(':') {
                (path, file(1, content, 1024))
            } else if let Some((path, target)) = word.split_once('>') {
                (path, Node::HardLink { target: target.into() })
            } else if let Some(path) = word.strip_prefix('-') {
                (path, Node::Whiteout)
            } else if let Some((path, ending)) = word.rsplit_once('/').filter(|(_, ending)| ["", "="].contains(ending))
            {
                (path, Node::Directory { opaque: ending == "=", implied: false })
            } else if let Some(path) = word.strip_suffix('~') {
                (path, file(1, "x", 0))
            } else {
                (word, file(1, "x", 1024))
            };
            entries.push(Entry::new(path, node, 0o755));
        }
        entries.sort_by(|a, b| compare_paths(&a.path, &b.path));
        LayerIndex::new(entries, BTreeMap::new()).expect(text)
    }

    fn laid(new: &str, old: &str, below: &str) -> Option<String> {
        let below = View::new(vec![Arc::new(layer(below))]);
        difference(&layer(new), &layer(old), &below)
            .map(|part| words(&part.entries().iter().cloned().collect::<Vec<_>>()))
    }

    #[test]
    fn what_differs_is_laid_over_in_its_directories() {
        for (new, old, expected) in [
            ("d/ d/f", "d/ d/f", "/"),
            ("d/ d/f:new d/g e/ e/h", "d/ d/f d/g e/ e/h", "/ d/ d/f"),
            ("d/ d/f d/n/ d/n/m", "d/ d/f", "/ d/ d/n/ d/n/m"),
            ("d/ d/f", "d/ d/f d/g d/t/ d/t/a d/t/b", "/ d/ -d/g -d/t"),
            ("d/= d/f:new", "d/= d/f", "/ d/ d/f"),
            ("d/ d/n/= d/n/f", "d/", "/ d/ d/n/= d/n/f"),
            ("f g>f h:new", "f g>f h", "/ h"),
            ("f~ h:new", "f~ h", "/ h"),
        ] {
            assert_eq!(laid(new, old, "").as_deref(), Some(expected), "{new} over {old}");
        }
    }

    #[test]
    fn where_the_sibling_would_show_through_or_hide_nothing_is_laid_over_it() {
        for (new, old, below) in [
            ("d/ d/f", "d/ d/f d/g", "d/ d/g"),
            ("d/f:new d/", "d/= d/f", ""),
            ("a/", "a", "a/ a/f"),
            ("a", "a/", ""),
            ("f:new g>f", "f g>f", ""),
            ("f g", "f g>f", ""),
            ("f g>f", "f", ""),
            ("f", "f g>f", ""),
            ("f", "f d/ d/g>f", ""),
            ("-a", "", "a"),
            ("", "-a", "a"),
            ("a", "-a", "a"),
            ("f~", "", ""),
        ] {
            assert_eq!(laid(new, old, below), None, "{new} over {old} on {below}");
        }
        assert_eq!(laid("d/= d/f", "d/= d/f d/g", "d/ d/g").as_deref(), Some("/ d/ -d/g"));
    }

    #[test]
    fn little_is_not_worth_it() {
        let small = |text: &str| {
            let entries =
                layer(text).entries().iter().filter(|entry| entry.path != b"large").cloned().collect::<Vec<_>>();
            LayerIndex::new(entries, BTreeMap::new()).unwrap()
        };
        assert!(!is_large(&small("a b")) && is_large(&layer("a b")));
        assert_eq!(difference(&small("a b"), &small("a"), &view(&[])), None);
    }
}

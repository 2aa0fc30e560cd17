//! A layer's index: all its entries without their bytes, sorted, and a few bodies that builds ask for by name. Follows
//! from the layer's bytes alone, so it is kept by DiffId. Knows neither the layers below nor any file system.

use super::entry::{Entry, Node, compare_paths, is_below, split_path};
use super::pages::Pages;
use rbuild_oci::{Digest, Hasher};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Files whose bodies the index carries, each at most [`BODY_LIMIT`] bytes: they turn names into ids.
pub const CARRIED: [&[u8]; 2] = [b"etc/passwd", b"etc/group"];

/// The largest body that an index carries, in bytes.
pub const BODY_LIMIT: u64 = 1 << 20;

/// The index of one layer. Every parent of an entry is an entry too, if only an implied directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerIndex {
    entries: Pages<Entry>,
    /// For each entry, the position right after all that is below it.
    ends: Pages<u32>,
    bodies: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What an index adds up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The bytes in regular files; hard links count once.
    pub bytes: u64,
    /// Regular files, further names included.
    pub files: u64,
    /// Directories that the layer itself names.
    pub directories: u64,
    /// Deleted paths.
    pub whiteouts: u64,
}

impl LayerIndex {
    /// An index of entries in order ([`compare_paths`], no duplicates, every parent present) and bodies by path. None
    /// if they are not.
    pub fn new(entries: impl IntoIterator<Item = Entry>, bodies: BTreeMap<Vec<u8>, Vec<u8>>) -> Option<Self> {
        Self::of(entries.into_iter().collect(), bodies)
    }

    /// The same of a list that is made already.
    pub(super) fn of(entries: Pages<Entry>, bodies: BTreeMap<Vec<u8>, Vec<u8>>) -> Option<Self> {
        let ends = subtree_ends(&entries)?;
        Some(Self { entries, ends, bodies })
    }

    /// All entries, in order.
    pub fn entries(&self) -> &Pages<Entry> {
        &self.entries
    }

    /// The entry at the path.
    pub fn get(&self, path: &[u8]) -> Option<&Entry> {
        self.position(path).map(|at| &self.entries[at])
    }

    /// The entries right in the directory, in order, whiteouts and implied directories included.
    pub fn children<'a>(&'a self, directory: &[u8]) -> impl Iterator<Item = &'a Entry> + use<'a> {
        let (mut at, end) = self.position(directory).map_or((0, 0), |at| (at + 1, self.ends[at] as usize));
        std::iter::from_fn(move || {
            let next = (at < end).then(|| &self.entries[at])?;
            at = self.ends[at] as usize;
            Some(next)
        })
    }

    /// The first name of the file that a hard link names; any other entry is its own.
    pub fn first_name<'a>(&'a self, entry: &'a Entry) -> Option<&'a Entry> {
        match &entry.node {
            Node::HardLink { target } => self.get(target),
            _ => Some(entry),
        }
    }

    /// The body of one of the [`CARRIED`] files, if the layer has that file.
    pub fn body(&self, path: &[u8]) -> Option<&[u8]> {
        self.bodies.get(path).map(Vec::as_slice)
    }

    /// The carried bodies by path.
    pub fn bodies(&self) -> &BTreeMap<Vec<u8>, Vec<u8>> {
        &self.bodies
    }

    /// Whether what the layers below have at this path is hidden by something above it in this layer: a whiteout, an
    /// opaque directory or a file in a parent's place. The entry at the path itself is not looked at.
    pub fn hides_below(&self, path: &[u8]) -> bool {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        for end in (!path.is_empty()).then_some(0).into_iter().chain(ends) {
            match self.get(&path[..end]).map(|entry| &entry.node) {
                None => return false,
                Some(Node::Directory { opaque: false, .. }) => {}
                Some(_) => return true,
            }
        }
        false
    }

    /// What the layer adds up to.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for entry in &self.entries {
            match &entry.node {
                Node::File(data) => (totals.files, totals.bytes) = (totals.files + 1, totals.bytes + data.size),
                Node::HardLink { .. } => totals.files += 1,
                Node::Directory { implied: false, .. } => totals.directories += 1,
                Node::Whiteout => totals.whiteouts += 1,
                _ => {}
            }
        }
        totals
    }

    /// The digest of the layer's content less the modification times within `own`, in seconds, when it was made: two
    /// layers that have it in common differ in such times at most. Any other time was set on purpose. It is the SHA-256
    /// of every entry's encoding in order, own times zero, offsets left out.
    pub fn timeless_digest(&self, own: &RangeInclusive<i64>) -> Digest {
        let mut hasher = Hasher::new();
        let mut record = Vec::new();
        for entry in &self.entries {
            record.clear();
            super::encode::put_timeless(&mut record, entry, own);
            hasher.update(&record);
        }
        hasher.finish()
    }

    fn position(&self, path: &[u8]) -> Option<usize> {
        self.entries.find(|entry| compare_paths(&entry.path, path))
    }
}

/// For each entry the end of its subtree; none if the order is wrong or a parent is missing.
fn subtree_ends(entries: &Pages<Entry>) -> Option<Pages<u32>> {
    let count = u32::try_from(entries.len()).ok()?;
    let mut ends: Pages<u32> = std::iter::repeat_n(count, entries.len()).collect();
    let mut open: Vec<(usize, &Entry)> = Vec::new();
    let mut before: Option<&Entry> = None;
    for (at, entry) in entries.iter().enumerate() {
        while let Some(&(above, directory)) = open.last() {
            if is_below(&entry.path, &directory.path) {
                break;
            }
            ends[above] = at as u32;
            open.pop();
        }
        let parent = open.last().map(|(_, directory)| directory.path.as_slice());
        let expected = before.map(|_| split_path(&entry.path).0);
        if parent != expected || before.is_some_and(|before| compare_paths(&before.path, &entry.path).is_ge()) {
            return None;
        }
        open.push((at, entry));
        before = Some(entry);
    }
    Some(ends)
}

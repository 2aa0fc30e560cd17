//! Writes a layer: entries with their bytes in, one tarball, its digests and its index out. Reads no file by itself and
//! knows no store: where the bytes go is the caller's.

mod header;
mod stream;

use super::entry::{Entry, FileData, Node, compare_paths, impossible, is_below, show_path};
use super::index::{BODY_LIMIT, CARRIED, LayerIndex};
use super::pages::Pages;
use super::{whiteout, xattr};
use crate::error::{Error, Result};
use crate::settled::Settled;
use rbuild_oci::{Cancel, DiffId, Hasher};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};
use std::num::NonZeroU64;
use stream::Stream;

/// The bytes of an entry.
pub enum Body<'a> {
    /// None: it is no regular file, or an empty one.
    None,
    /// These.
    Bytes(&'a [u8]),
    /// As many as the entry says; more or less of them is [`Error::Changed`].
    Reader(&'a mut dyn Read),
    /// Those of a file whose digest the entry has; one that looks different once it was read is [`Error::Changed`].
    Settled(&'a mut Settled),
}

/// Writes one uncompressed tarball to `W`, strictly forward. Equal input gives equal bytes: ustar headers, with PAX
/// records for what does not fit them (see `header`). Large tarballs are hashed and written by a thread of their own,
/// which ends with the writer.
#[derive(Debug)]
pub struct LayerWriter<W> {
    stream: Stream<W>,
    clamp: Option<i64>,
    entries: Pages<Entry>,
    /// Where the directories are in `entries` that the next entry may lie in.
    open: Vec<usize>,
    bodies: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// A finished tarball.
#[derive(Debug)]
pub struct Packed<W> {
    /// Where it was written to; not flushed or synced.
    pub out: W,
    /// The digest of the tarball.
    pub diff_id: DiffId,
    /// Its size in bytes.
    pub size: u64,
    /// What is in it.
    pub index: LayerIndex,
}

impl<W: Write + Send + 'static> LayerWriter<W> {
    /// A writer of a tarball to `out`. Modification times later than `clamp`, in seconds, become that.
    pub fn new(out: W, clamp: Option<i64>, cancel: Cancel) -> Self {
        let stream = Stream::new(out, cancel);
        Self { stream, clamp, entries: Pages::new(), open: Vec::new(), bodies: BTreeMap::new() }
    }

    /// Appends an entry. They come in the order of [`compare_paths`], each path once; parents may be left out; the
    /// target of a hard link is a regular file, device or link that came before. A file's digest, if it is not
    /// [`FileData::UNREAD`], must turn out right, or the file counts as changed; only that of a [`Settled`] one is taken
    /// as it stands. Attributes of the store's own are left out.
    pub fn add(&mut self, entry: Entry, body: Body<'_>) -> Result<()> {
        self.stream.check()?;
        let mut entry = self.normal(entry)?;
        self.check_order(&entry)?;
        if let Node::HardLink { target } = &entry.node {
            self.link(target)?.clone_into_link(&mut entry);
        }
        if !matches!(entry.node, Node::Directory { implied: true, .. }) {
            header::put(&mut self.stream, &entry)?;
        }
        if let Node::File(data) = entry.node {
            entry.node = Node::File(self.put_body(&entry.path, data, body)?);
        }
        if matches!(entry.node, Node::Directory { opaque: true, .. }) {
            let marker = Entry::new(whiteout::opaque_of(&entry.path), Node::File(FileData::unread(0)), 0);
            header::put(&mut self.stream, &marker)?;
        }
        self.push(entry);
        Ok(())
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Ends the tarball.
    pub fn finish(mut self) -> Result<Packed<W>> {
        self.stream.put(&[0; 2 * header::BLOCK])?;
        if self.entries.is_empty() {
            self.imply(Vec::new());
        }
        let index = LayerIndex::of(self.entries, self.bodies).ok_or_else(|| Error::Corrupt {
            what: "layer",
            subject: "index".to_owned(),
            reason: "its entries are out of order".to_owned(),
        })?;
        let (out, digest, size) = self.stream.finish()?;
        Ok(Packed { out, diff_id: DiffId(digest), size, index })
    }

    /// The entry as layers hold it.
    fn normal(&self, mut entry: Entry) -> Result<Entry> {
        if whiteout::is_reserved(&entry.path) {
            let reason = "names that begin with .wh. mark deletions in layers, so no layer can hold it";
            return Err(refused(&entry.path, reason));
        }
        if let Some(reason) = impossible(&entry.path) {
            return Err(refused(&entry.path, reason));
        }
        if matches!(entry.node, Node::Whiteout) {
            return Ok(Entry::new(entry.path, Node::Whiteout, 0));
        }
        entry.mtime = self.clamp.map_or(entry.mtime, |latest| entry.mtime.min(latest));
        entry.xattrs.retain(|name, _| !xattr::is_internal(name));
        for (name, value) in &mut entry.xattrs {
            *value = xattr::portable(name, std::mem::take(value));
        }
        Ok(entry)
    }

    /// Sees that the entry comes after the last one and in a directory, and adds the parents that were left out.
    fn check_order(&mut self, entry: &Entry) -> Result<()> {
        if self.entries.last().is_some_and(|last| compare_paths(&last.path, &entry.path).is_ge()) {
            return Err(refused(&entry.path, "it comes out of order or twice"));
        }
        while let Some(&at) = self.open.last() {
            if is_below(&entry.path, &self.entries[at].path) {
                break;
            }
            self.open.pop();
        }
        let above = self.open.last().map_or(0, |at| self.entries[*at].path.len());
        let path = &entry.path;
        if self.entries.is_empty() && !path.is_empty() {
            self.imply(Vec::new());
        }
        for at in (above + 1..path.len()).filter(|at| path[*at] == b'/') {
            self.imply(path[..at].to_vec());
        }
        match self.open.last().map(|at| &self.entries[*at]) {
            Some(parent) if !parent.node.is_directory() => Err(refused(path, "its parent is no directory")),
            _ => Ok(()),
        }
    }

    fn imply(&mut self, path: Vec<u8>) {
        self.push(Entry::new(path, Node::Directory { opaque: false, implied: true }, 0o755));
    }

    fn push(&mut self, entry: Entry) {
        self.open.push(self.entries.len());
        self.entries.push(entry);
    }

    /// The entry that a link to `target` is a further name of.
    fn link(&self, target: &[u8]) -> Result<First> {
        let find = |path: &[u8]| {
            let at = self.entries.find(|entry| compare_paths(&entry.path, path))?;
            self.entries.get(at)
        };
        let first = find(target).and_then(|found| match &found.node {
            Node::HardLink { target } => find(target),
            _ => Some(found),
        });
        match first {
            Some(first) if !matches!(first.node, Node::Directory { .. } | Node::Whiteout) => Ok(First(first.clone())),
            _ => Err(refused(target, "a hard link needs a file of the same layer before it as its target")),
        }
    }

    fn put_body(&mut self, path: &[u8], data: FileData, body: Body<'_>) -> Result<FileData> {
        let changed = || Error::Changed { subject: show_path(path) };
        let offset = NonZeroU64::new(self.stream.position());
        let known = matches!(body, Body::Settled(_)) && data.is_read();
        let carried = (CARRIED.contains(&path) && data.size <= BODY_LIMIT).then(Vec::new);
        let mut seen = Seen { hasher: (!known).then(Hasher::new), kept: carried };
        let exact = match body {
            Body::None => data.size == 0,
            Body::Bytes(bytes) if bytes.len() as u64 != data.size => false,
            Body::Bytes(mut bytes) => self.stream.copy(&mut bytes, data.size, path, &mut seen)?,
            Body::Reader(reader) => self.stream.copy(reader, data.size, path, &mut seen)?,
            Body::Settled(file) => self.stream.copy(file, data.size, path, &mut seen)? && file.is_same(path)?,
        };
        if let Some(kept) = seen.kept.filter(|_| exact) {
            self.bodies.insert(path.to_vec(), kept);
        }
        let digest = seen.hasher.map_or(data.digest, Hasher::finish);
        if !exact || data.is_read() && data.digest != digest {
            return Err(changed());
        }
        self.stream.pad(header::BLOCK)?;
        Ok(FileData { digest, offset, ..data })
    }
}

/// What becomes of a file's bytes beside being written.
struct Seen {
    /// None where the digest is known.
    hasher: Option<Hasher>,
    kept: Option<Vec<u8>>,
}

impl Seen {
    fn update(&mut self, bytes: &[u8]) {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(bytes);
        }
    }
}

/// The first name of a hard-linked file.
struct First(Entry);

impl First {
    fn clone_into_link(self, link: &mut Entry) {
        let Self(first) = self;
        let path = std::mem::take(&mut link.path);
        let node = Node::HardLink { target: first.path.clone() };
        *link = Entry { path, node, ..first };
    }
}

fn refused(path: &[u8], reason: &str) -> Error {
    Error::Refused { what: "layer entry", subject: show_path(path), reason: reason.to_owned() }
}

impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Reader(_) => f.write_str("Reader"),
            Self::Settled(_) => f.write_str("Settled"),
        }
    }
}

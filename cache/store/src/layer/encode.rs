//! The bytes of an index on disk, version 1. Knows entries and nothing of where the bytes are kept.
//!
//! `RBIX`, a version byte, then: the number of entries; each entry as the length of the path prefix it shares with the
//! one before, the rest of the path, a kind byte, mode, uid, gid, mtime, xattrs and what its kind has; the number of
//! carried bodies; each as path and body; at the end the SHA-256 of all that came before. Numbers are LEB128, signed
//! ones zigzag; byte strings have their length before them.

use super::entry::{Entry, FileData, Node};
use super::index::LayerIndex;
use super::pages::Pages;
use crate::root_dir::{Device, Xattrs};
use rbuild_oci::{Digest, Hasher};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::num::NonZeroU64;
use std::ops::RangeInclusive;

const MAGIC: &[u8] = b"RBIX\x01";
const DIGEST: usize = 32;

/// So many bytes are written at once.
const PIECE: usize = 64 << 10;

mod kind {
    pub(super) const DIRECTORY: u8 = 0;
    pub(super) const OPAQUE: u8 = 1;
    pub(super) const IMPLIED: u8 = 2;
    pub(super) const IMPLIED_OPAQUE: u8 = 3;
    pub(super) const FILE: u8 = 4;
    pub(super) const FILE_IN_PIECES: u8 = 5;
    pub(super) const HARD_LINK: u8 = 6;
    pub(super) const SYMLINK: u8 = 7;
    pub(super) const CHAR_DEVICE: u8 = 8;
    pub(super) const BLOCK_DEVICE: u8 = 9;
    pub(super) const FIFO: u8 = 10;
    pub(super) const WHITEOUT: u8 = 11;
}

impl LayerIndex {
    /// The index as bytes; equal indexes give equal bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        // Memory takes all that is written to it.
        let _ = self.write(&mut out);
        out
    }

    /// Writes the same bytes, a piece at a time.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let (mut hasher, mut piece) = (Hasher::new(), MAGIC.to_vec());
        let mut pass_on = |piece: &mut Vec<u8>| {
            hasher.update(piece);
            out.write_all(piece)?;
            piece.clear();
            io::Result::Ok(())
        };
        put_number(&mut piece, self.entries().len() as u64);
        let mut above: &[u8] = &[];
        for entry in self.entries() {
            let shared = above.iter().zip(&entry.path).take_while(|(a, b)| a == b).count();
            put_number(&mut piece, shared as u64);
            put_bytes(&mut piece, &entry.path[shared..]);
            put_entry(&mut piece, entry);
            above = &entry.path;
            if piece.len() >= PIECE {
                pass_on(&mut piece)?;
            }
        }
        put_number(&mut piece, self.bodies().len() as u64);
        for (path, body) in self.bodies() {
            put_bytes(&mut piece, path);
            put_bytes(&mut piece, body);
        }
        pass_on(&mut piece)?;
        out.write_all(hasher.finish().as_bytes())
    }

    /// Whether the same bytes are kept there, and nothing else; what cannot be read is not the same.
    pub fn is_kept_in(&self, kept: impl Read) -> bool {
        let mut same = Same { kept, buffer: Vec::new() };
        self.write(&mut same).is_ok() && same.kept.read(&mut [0]).is_ok_and(|more| more == 0)
    }

    /// The index of those bytes; none if they are damaged or of another version: then it is to be made again.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST)?)?;
        let rest = body.strip_prefix(MAGIC)?;
        if Digest::of(body).as_bytes() != digest {
            return None;
        }
        let mut input = Input(rest);
        let count = input.number()?;
        let mut entries: Pages<Entry> = Pages::new();
        for _ in 0..count {
            let path = input.path(entries.last().map_or(&[], |above| &above.path))?;
            entries.push(input.entry(path)?);
        }
        let mut bodies = BTreeMap::new();
        for _ in 0..input.number()? {
            bodies.insert(input.bytes()?.to_vec(), input.bytes()?.to_vec());
        }
        if input.0.is_empty() { Self::of(entries, bodies) } else { None }
    }
}

/// Takes what is written as long as it is what is read.
struct Same<R> {
    kept: R,
    buffer: Vec<u8>,
}

impl<R: Read> Write for Same<R> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.resize(bytes.len(), 0);
        self.kept.read_exact(&mut self.buffer)?;
        if self.buffer == bytes { Ok(bytes.len()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What of an entry counts in [`LayerIndex::timeless_digest`].
pub(super) fn put_timeless(out: &mut Vec<u8>, entry: &Entry, own: &RangeInclusive<i64>) {
    let (mut entry, is_own) = (entry.clone(), own.contains(&entry.mtime));
    if is_own {
        entry.mtime = 0;
    }
    out.push(u8::from(is_own));
    if let Node::File(data) = &mut entry.node {
        data.offset = None;
    }
    put_bytes(out, &entry.path);
    put_entry(out, &entry);
}

fn put_entry(out: &mut Vec<u8>, entry: &Entry) {
    out.push(kind_of(&entry.node));
    for number in [entry.mode, entry.uid, entry.gid] {
        put_number(out, u64::from(number));
    }
    put_number(out, zigzag(entry.mtime));
    put_number(out, entry.xattrs.len() as u64);
    for (name, value) in &entry.xattrs {
        put_bytes(out, name);
        put_bytes(out, value);
    }
    match &entry.node {
        Node::File(data) => {
            put_number(out, data.size);
            out.extend_from_slice(data.digest.as_bytes());
            if let Some(offset) = data.offset {
                put_number(out, offset.get());
            }
        }
        Node::HardLink { target } | Node::Symlink { target } => put_bytes(out, target),
        Node::CharDevice(device) | Node::BlockDevice(device) => {
            put_number(out, u64::from(device.major));
            put_number(out, u64::from(device.minor));
        }
        Node::Directory { .. } | Node::Fifo | Node::Whiteout => {}
    }
}

const fn kind_of(node: &Node) -> u8 {
    match node {
        Node::Directory { opaque: false, implied: false } => kind::DIRECTORY,
        Node::Directory { opaque: true, implied: false } => kind::OPAQUE,
        Node::Directory { opaque: false, implied: true } => kind::IMPLIED,
        Node::Directory { opaque: true, implied: true } => kind::IMPLIED_OPAQUE,
        Node::File(FileData { offset: Some(_), .. }) => kind::FILE,
        Node::File(FileData { offset: None, .. }) => kind::FILE_IN_PIECES,
        Node::HardLink { .. } => kind::HARD_LINK,
        Node::Symlink { .. } => kind::SYMLINK,
        Node::CharDevice(_) => kind::CHAR_DEVICE,
        Node::BlockDevice(_) => kind::BLOCK_DEVICE,
        Node::Fifo => kind::FIFO,
        Node::Whiteout => kind::WHITEOUT,
    }
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

const fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

/// What is left to decode.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|taken| taken[0])
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn small(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?.try_into().ok()?;
        self.take(length)
    }

    fn path(&mut self, above: &[u8]) -> Option<Vec<u8>> {
        let shared = above.get(..self.number()?.try_into().ok()?)?;
        let rest = self.bytes()?;
        let mut path = Vec::with_capacity(shared.len() + rest.len());
        path.extend_from_slice(shared);
        path.extend_from_slice(rest);
        Some(path)
    }

    fn entry(&mut self, path: Vec<u8>) -> Option<Entry> {
        let kind = self.byte()?;
        let (mode, uid, gid) = (self.small()?, self.small()?, self.small()?);
        let mtime = self.number()?;
        let mtime = (mtime >> 1) as i64 ^ -((mtime & 1) as i64);
        let mut xattrs = Xattrs::new();
        for _ in 0..self.number()? {
            xattrs.insert(self.bytes()?.to_vec(), self.bytes()?.to_vec());
        }
        Some(Entry { path, node: self.node(kind)?, mode, uid, gid, mtime, xattrs })
    }

    fn node(&mut self, kind: u8) -> Option<Node> {
        Some(match kind {
            kind::DIRECTORY => Node::Directory { opaque: false, implied: false },
            kind::OPAQUE => Node::Directory { opaque: true, implied: false },
            kind::IMPLIED => Node::Directory { opaque: false, implied: true },
            kind::IMPLIED_OPAQUE => Node::Directory { opaque: true, implied: true },
            kind::FILE | kind::FILE_IN_PIECES => {
                let size = self.number()?;
                let digest = Digest::from_bytes(self.take(DIGEST)?.try_into().ok()?);
                let offset = if kind == kind::FILE { Some(NonZeroU64::new(self.number()?)?) } else { None };
                Node::File(FileData { size, digest, offset })
            }
            kind::HARD_LINK => Node::HardLink { target: self.bytes()?.to_vec() },
            kind::SYMLINK => Node::Symlink { target: self.bytes()?.to_vec() },
            kind::CHAR_DEVICE => Node::CharDevice(self.device()?),
            kind::BLOCK_DEVICE => Node::BlockDevice(self.device()?),
            kind::FIFO => Node::Fifo,
            kind::WHITEOUT => Node::Whiteout,
            _ => return None,
        })
    }

    fn device(&mut self) -> Option<Device> {
        Some(Device { major: self.small()?, minor: self.small()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> LayerIndex {
        let device = Device { major: 511, minor: 70_000 };
        let data = FileData { size: 1 << 40, digest: Digest::of(b"x"), offset: NonZeroU64::new(512) };
        let nodes = [
            ("", Node::Directory { opaque: false, implied: true }),
            ("block", Node::BlockDevice(device)),
            ("char", Node::CharDevice(device)),
            ("dir", Node::Directory { opaque: true, implied: false }),
            ("dir/fifo", Node::Fifo),
            ("dir/file", Node::File(data)),
            ("dir/file-in-pieces", Node::File(FileData { offset: None, ..data })),
            ("dir/hard", Node::HardLink { target: b"dir/file".to_vec() }),
            ("dir/link", Node::Symlink { target: b"\xff/..".to_vec() }),
            ("gone", Node::Whiteout),
        ];
        let entries = nodes.into_iter().map(|(path, node)| Entry {
            uid: u32::MAX - 1,
            mtime: -5,
            xattrs: Xattrs::from_iter([(b"user.\xfe".to_vec(), vec![0, 255])]),
            ..Entry::new(path, node, 0o4755)
        });
        LayerIndex::new(entries, BTreeMap::from([(b"etc/passwd".to_vec(), b"root".to_vec())])).unwrap()
    }

    #[test]
    fn every_kind_round_trips() {
        assert_eq!(LayerIndex::decode(&sample().encode()), Some(sample()));
    }

    #[test]
    fn what_is_long_is_written_in_pieces_and_known_again() {
        let name = |at: usize| Entry::new(format!("{at:06}"), Node::Fifo, 0o644);
        let entries = std::iter::once(Entry::new("", Node::DIRECTORY, 0o755)).chain((0..20_000).map(name));
        let index = LayerIndex::new(entries, BTreeMap::new()).unwrap();
        let bytes = index.encode();
        assert!(bytes.len() > 2 * PIECE && LayerIndex::decode(&bytes).as_ref() == Some(&index));
        assert!(index.is_kept_in(&*bytes) && !sample().is_kept_in(&*bytes));
        assert!(!index.is_kept_in(&bytes[..bytes.len() - 1]) && !index.is_kept_in(&*[&*bytes, b"x"].concat()));
    }

    #[test]
    fn damage_and_other_versions_are_as_good_as_missing() {
        let bytes = sample().encode();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(LayerIndex::decode(&damaged), None, "byte {at}");
            assert_eq!(LayerIndex::decode(&bytes[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn the_timeless_digest_sees_all_but_times_of_its_making_and_offsets() {
        const OWN: RangeInclusive<i64> = -6..=-4;
        let changed = |change: &dyn Fn(&mut Entry)| {
            let mut entries: Vec<Entry> = sample().entries().iter().cloned().collect();
            change(&mut entries[5]);
            LayerIndex::new(entries, BTreeMap::new()).unwrap().timeless_digest(&OWN) != sample().timeless_digest(&OWN)
        };
        assert!(!changed(&|entry| entry.mtime = -6) && !changed(&|entry| entry.mtime = -4));
        for set in [-7, -3, 0] {
            assert!(changed(&|entry| entry.mtime = set), "{set}");
        }
        assert!(!changed(&|entry| {
            entry.node = Node::File(FileData { size: 1 << 40, digest: Digest::of(b"x"), offset: NonZeroU64::new(7) });
        }));
        assert!(changed(&|entry| entry.mode = 0o755));
        assert!(changed(&|entry| entry.node = Node::Fifo));
        assert!(changed(&|entry| entry.path = b"dir/fil".to_vec()));
        assert!(changed(&|entry| entry.xattrs.clear()));
    }
}

//! Pieces on the disk between a mount and a depot, so that neither waits for the other and the memory stays flat. The file
//! goes with its owner.

use super::cutter;
use crate::error::Result;
use rbuild_oci::Digest;
use rbuild_store::{Error, Store, TmpFile};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::FileExt;

/// Bytes by the digest of the piece that they are, compressed or not.
#[derive(Debug)]
pub(super) struct Spool {
    file: TmpFile,
    end: u64,
    held: BTreeMap<Digest, Held>,
}

/// Where the bytes of a piece are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    at: u64,
    len: u64,
    is_plain: bool,
}

/// A part of the file that is filled or read from its start.
#[derive(Debug)]
pub(super) struct Part<'a> {
    file: &'a std::fs::File,
    at: u64,
    left: u64,
}

impl Spool {
    pub(super) fn new(store: &Store) -> Result<Self> {
        Ok(Self { file: store.tmp_file()?, end: 0, held: BTreeMap::new() })
    }

    pub(super) fn has(&self, piece: &Digest) -> bool {
        self.held.contains_key(piece)
    }

    /// Room for the bytes of a piece.
    pub(super) fn reserve(&mut self, piece: Digest, len: u64, is_plain: bool) -> Held {
        let held = Held { at: self.end, len, is_plain };
        self.end += len;
        self.held.insert(piece, held);
        held
    }

    /// Keeps the bytes of a piece.
    pub(super) fn keep(&mut self, piece: Digest, bytes: &[u8], is_plain: bool) -> io::Result<()> {
        let held = self.reserve(piece, bytes.len() as u64, is_plain);
        self.file.file().write_all_at(bytes, held.at)
    }

    /// The room as something to read from or write to, no further than its end.
    pub(super) fn part(&self, held: Held) -> Part<'_> {
        Part { file: self.file.file(), at: held.at, left: held.len }
    }

    /// The same of a piece that is kept; of any other, nothing.
    pub(super) fn part_of(&self, piece: &Digest) -> Part<'_> {
        self.part(self.held.get(piece).copied().unwrap_or(Held { at: 0, len: 0, is_plain: true }))
    }

    /// The plain bytes of a piece, which are `size` and have this digest.
    pub(super) fn plain(&self, piece: &Digest, size: u64) -> Result<Vec<u8>> {
        let damaged =
            |reason: &str| Error::Corrupt { what: "piece", subject: piece.to_string(), reason: reason.to_owned() };
        let held = self.held.get(piece).ok_or_else(|| damaged("it is not here"))?;
        let (mut bytes, room) = (Vec::with_capacity(held.len as usize), (size as usize).min(cutter::MOST));
        self.part(*held).read_to_end(&mut bytes).map_err(Error::io("read", piece))?;
        let plain = if held.is_plain {
            bytes
        } else {
            zstd::bulk::decompress(&bytes, room)
                .map_err(|error| damaged(&format!("it cannot be decompressed: {error}")))?
        };
        if plain.len() as u64 != size || Digest::of(&plain) != *piece {
            return Err(damaged("its bytes are not those of its digest").into());
        }
        Ok(plain)
    }
}

impl Read for Part<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let room = self.left.min(into.len() as u64) as usize;
        let count = self.file.read_at(&mut into[..room], self.at)?;
        self.at += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

impl Write for Part<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            return Err(io::Error::new(ErrorKind::InvalidData, "there is more than there should be"));
        }
        let count = self.file.write_at(bytes, self.at)?;
        self.at += count as u64;
        self.left -= count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! Goes through a foreign tarball once: decides what each entry means, and indexes it. Knows no file system.

use super::draft::Draft;
use super::entry::{Entry, FileData, Node, show_path};
use super::index::{BODY_LIMIT, CARRIED, LayerIndex};
use super::read::{Limits, Piece, TarReader};
use super::whiteout::{Marker, is_reserved, marker};
use crate::error::{Error, Result};
use rbuild_oci::{Cancel, Digest, Hasher};
use std::collections::BTreeMap;
use std::io::Read;

/// Bytes of a file that are handled at once.
const BUFFER: usize = 256 << 10;

/// What a tarball turned out to hold.
pub(super) struct Scanned {
    pub(super) index: LayerIndex,
    /// Where the headers of files start that do not lie in one piece, by the digest of their data.
    pub(super) in_pieces: BTreeMap<Digest, u64>,
}

/// Reads the tarball to the end of its source.
pub(super) fn scan(tarball: impl Read, limits: Limits, cancel: &Cancel) -> Result<Scanned> {
    let tarball = TarReader::new(tarball, limits, cancel);
    let mut scan = Scan {
        tarball,
        draft: Draft::new(),
        bodies: BTreeMap::new(),
        in_pieces: BTreeMap::new(),
        buffer: vec![0; BUFFER],
    };
    while let Some(entry) = scan.tarball.next_entry()? {
        scan.take(entry)?;
    }
    scan.tarball.drain()?;
    Ok(Scanned { index: scan.draft.finish(scan.bodies)?, in_pieces: scan.in_pieces })
}

struct Scan<'a, R> {
    tarball: TarReader<'a, R>,
    draft: Draft,
    bodies: BTreeMap<Vec<u8>, Vec<u8>>,
    in_pieces: BTreeMap<Digest, u64>,
    buffer: Vec<u8>,
}

impl<R: Read> Scan<'_, R> {
    fn take(&mut self, mut entry: Entry) -> Result<()> {
        entry.path = self.draft.resolve_parents(&entry.path)?;
        match marker(&entry.path) {
            Some(Marker::Reserved) => return Ok(()),
            Some(Marker::Deleted(path)) => {
                self.draft.imply_parents(&path)?;
                self.draft.delete(&path);
                return Ok(());
            }
            Some(Marker::Opaque(directory)) => {
                self.draft.imply_parents(&entry.path)?;
                self.draft.blank(&directory);
                return Ok(());
            }
            None => {}
        }
        if is_reserved(&entry.path) {
            return aufs_or_refused(&entry.path);
        }
        if entry.path.is_empty() && !entry.node.is_directory() {
            return Err(refused(&entry.path, "only a directory can be the root"));
        }
        self.draft.imply_parents(&entry.path)?;
        self.bodies.remove(&entry.path);
        match &mut entry.node {
            Node::File(data) => self.read(&entry.path, data)?,
            Node::HardLink { target } => *target = self.draft.resolve_parents(target)?,
            _ => {}
        }
        self.draft.put(entry)
    }

    /// Reads the current file, whose digest is unknown until then.
    fn read(&mut self, path: &[u8], data: &mut FileData) -> Result<()> {
        let mut hasher = Hasher::new();
        let mut body = (CARRIED.contains(&path) && data.size <= BODY_LIMIT).then(Vec::new);
        while let Some(piece) = self.tarball.next_piece(&mut self.buffer)? {
            match piece {
                Piece::Data(count) => {
                    let bytes = &self.buffer[..count];
                    hasher.update(bytes);
                    if let Some(body) = &mut body {
                        body.extend_from_slice(bytes);
                    }
                }
                Piece::Hole(count) => {
                    hash_zeros(&mut hasher, count, &mut self.buffer, || self.tarball.check())?;
                    if let Some(body) = &mut body {
                        body.resize(body.len() + count as usize, 0);
                    }
                }
            }
        }
        data.digest = hasher.finish();
        if data.offset.is_none() {
            self.in_pieces.insert(data.digest, self.tarball.start());
        }
        if let Some(body) = body {
            self.bodies.insert(path.to_vec(), body);
        }
        Ok(())
    }
}

/// Hashes so many zeros; the buffer is full of them afterwards.
fn hash_zeros(hasher: &mut Hasher, mut count: u64, buffer: &mut [u8], check: impl Fn() -> Result<()>) -> Result<()> {
    buffer.fill(0);
    while count > 0 {
        check()?;
        let now = count.min(buffer.len() as u64);
        hasher.update(&buffer[..now as usize]);
        count -= now;
    }
    Ok(())
}

/// aufs left its own bookkeeping in old layers, in directories of the reserved kind: that is passed over.
fn aufs_or_refused(path: &[u8]) -> Result<()> {
    if path.split(|byte| *byte == b'/').any(|name| name.starts_with(b".wh..wh.")) {
        return Ok(());
    }
    Err(refused(path, "it lies in a directory whose name marks a deletion"))
}

fn refused(path: &[u8], reason: &str) -> Error {
    Error::Refused { what: "archive entry", subject: show_path(path), reason: reason.to_owned() }
}

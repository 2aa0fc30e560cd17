//! Goes through a foreign tarball once: decides what each entry means, indexes it, and tells a sink what to make of it.
//! Knows no file system.

use super::draft::Draft;
use super::entry::{Entry, FileData, Node, show_path};
use super::index::{BODY_LIMIT, CARRIED, LayerIndex};
use super::read::{Limits, Piece, TarReader};
use super::whiteout::{Marker, is_reserved, marker};
use crate::error::{Error, Result};
use rbuild_oci::{Cancel, Hasher};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

/// Bytes of a file that are handled at once.
const BUFFER: usize = 256 << 10;

/// What is made of a layer while it is read. Paths have no links in their parents; the draft is what the layer itself
/// has so far.
pub(super) trait Sink {
    /// A directory that the layer only implies.
    fn imply(&mut self, directory: &[u8]) -> Result<()>;
    /// A regular file begins; the bytes go to the result.
    fn create(&mut self, entry: &Entry) -> Result<Option<File>>;
    /// That file is complete.
    fn close(&mut self, entry: &Entry, file: File) -> Result<()>;
    /// Anything but a regular file. A hard link's target is the path that the tarball names.
    fn make(&mut self, entry: &Entry) -> Result<()>;
    /// The layers below lose what they have at the path; called before the draft knows.
    fn delete(&mut self, draft: &Draft, path: &[u8]) -> Result<()>;
    /// They lose what they have in the directory.
    fn blank(&mut self, draft: &Draft, directory: &[u8]) -> Result<()>;
    /// The end: directories get their metadata.
    fn finish(&mut self, draft: &Draft) -> Result<()>;
}

/// Makes nothing.
#[derive(Debug)]
pub(super) struct Nowhere;

impl Sink for Nowhere {
    fn imply(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn create(&mut self, _: &Entry) -> Result<Option<File>> {
        Ok(None)
    }

    fn close(&mut self, _: &Entry, _: File) -> Result<()> {
        Ok(())
    }

    fn make(&mut self, _: &Entry) -> Result<()> {
        Ok(())
    }

    fn delete(&mut self, _: &Draft, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn blank(&mut self, _: &Draft, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self, _: &Draft) -> Result<()> {
        Ok(())
    }
}

/// Reads the tarball to the end of its source.
pub(super) fn scan<R: Read>(tarball: R, sink: &mut dyn Sink, limits: Limits, cancel: &Cancel) -> Result<LayerIndex> {
    let tarball = TarReader::new(tarball, limits, cancel);
    let mut scan = Scan { tarball, sink, draft: Draft::new(), bodies: BTreeMap::new(), buffer: vec![0; BUFFER] };
    scan.sink.imply(b"")?;
    while let Some(entry) = scan.tarball.next_entry()? {
        scan.take(entry)?;
    }
    scan.tarball.drain()?;
    scan.sink.finish(&scan.draft)?;
    scan.draft.finish(scan.bodies)
}

struct Scan<'a, R> {
    tarball: TarReader<'a, R>,
    sink: &'a mut dyn Sink,
    draft: Draft,
    bodies: BTreeMap<Vec<u8>, Vec<u8>>,
    buffer: Vec<u8>,
}

impl<R: Read> Scan<'_, R> {
    fn take(&mut self, mut entry: Entry) -> Result<()> {
        entry.path = self.draft.resolve_parents(&entry.path)?;
        match marker(&entry.path) {
            Some(Marker::Reserved) => return Ok(()),
            Some(Marker::Deleted(path)) => {
                self.imply_parents(&path)?;
                self.sink.delete(&self.draft, &path)?;
                self.draft.delete(&path);
                return Ok(());
            }
            Some(Marker::Opaque(directory)) => {
                self.imply_parents(&entry.path)?;
                self.sink.blank(&self.draft, &directory)?;
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
        self.imply_parents(&entry.path)?;
        self.bodies.remove(&entry.path);
        match entry.node {
            Node::File(data) => self.file(entry, data),
            _ => self.other(entry),
        }
    }

    fn file(&mut self, mut entry: Entry, data: FileData) -> Result<()> {
        let mut file = self.sink.create(&entry)?;
        let digest = self.copy(&entry.path, data.size, file.as_mut())?;
        entry.node = Node::File(FileData { digest, ..data });
        if let Some(file) = file {
            self.sink.close(&entry, file)?;
        }
        self.draft.put(entry)
    }

    fn other(&mut self, mut entry: Entry) -> Result<()> {
        if let Node::HardLink { target } = &mut entry.node {
            *target = self.draft.resolve_parents(target)?;
        }
        self.draft.put(entry.clone())?;
        self.sink.make(&entry)
    }

    /// Copies the current file and gives its digest.
    fn copy(&mut self, path: &[u8], size: u64, mut file: Option<&mut File>) -> Result<rbuild_oci::Digest> {
        let failed = || Error::io("write", show_path(path));
        let mut hasher = Hasher::new();
        let mut body = (CARRIED.contains(&path) && size <= BODY_LIMIT).then(Vec::new);
        while let Some(piece) = self.tarball.next_piece(&mut self.buffer)? {
            match piece {
                Piece::Data(count) => {
                    let bytes = &self.buffer[..count];
                    hasher.update(bytes);
                    if let Some(body) = &mut body {
                        body.extend_from_slice(bytes);
                    }
                    file.as_mut().map_or(Ok(()), |file| file.write_all(bytes)).map_err(failed())?;
                }
                Piece::Hole(count) => {
                    self.hash_zeros(&mut hasher, count)?;
                    if let Some(body) = &mut body {
                        body.resize(body.len() + count as usize, 0);
                    }
                    file.as_mut().map_or(Ok(()), |file| skip(file, count)).map_err(failed())?;
                }
            }
        }
        if let Some(body) = body {
            self.bodies.insert(path.to_vec(), body);
        }
        Ok(hasher.finish())
    }

    fn hash_zeros(&mut self, hasher: &mut Hasher, mut count: u64) -> Result<()> {
        self.buffer.fill(0);
        while count > 0 {
            self.tarball.check()?;
            let now = count.min(BUFFER as u64);
            hasher.update(&self.buffer[..now as usize]);
            count -= now;
        }
        Ok(())
    }

    fn imply_parents(&mut self, path: &[u8]) -> Result<()> {
        for directory in self.draft.imply_parents(path)? {
            self.sink.imply(&directory)?;
        }
        Ok(())
    }
}

/// Leaves a hole, at the end of the file too.
fn skip(file: &mut File, count: u64) -> std::io::Result<()> {
    let end = file.seek(SeekFrom::Current(count as i64))?;
    file.set_len(end)
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

//! The data of a tarball on its way to the disk, file by file, and the digest of all of it. Knows no names on the disk.

use super::Tarball;
use crate::error::{Error, Result};
use crate::layer::entry::{Entry, FileData, Node, show_path};
use crate::layer::read::{Limits, Piece, TarReader};
use rbuild_oci::{Cancel, Digest, Hasher};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};

/// Bytes that are handled at once.
const BUFFER: usize = 256 << 10;

/// Where in a tarball the headers of files start that do not lie in one piece, by the digest of their data.
pub(super) type InPieces = BTreeMap<Digest, u64>;

/// Where data comes from.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) tarball: &'a dyn Tarball,
    pub(super) in_pieces: &'a InPieces,
    pub(super) cancel: &'a Cancel,
}

/// One who moves data.
pub(super) struct Data<'a> {
    source: Source<'a>,
    buffer: Vec<u8>,
}

impl<'a> Data<'a> {
    pub(super) fn new(source: Source<'a>) -> Self {
        Self { source, buffer: vec![0; BUFFER] }
    }

    /// Writes all the data of a file, which is new.
    pub(super) fn write(&mut self, entry: &Entry, data: &FileData, file: &File) -> Result<()> {
        match data.offset {
            Some(offset) => self.run(entry, (offset.get(), data.size), file),
            None => self.pieces(entry, data, file),
        }
    }

    /// Writes what lies in one piece.
    fn run(&mut self, entry: &Entry, (at, size): (u64, u64), mut file: &File) -> Result<()> {
        let (mut data, mut left) = (At { tarball: self.source.tarball, at }, size);
        while left > 0 {
            self.source.cancel.check()?;
            let room = left.min(BUFFER as u64) as usize;
            match data.read(&mut self.buffer[..room]) {
                Ok(0) => return Err(lacking(entry)),
                Ok(count) => {
                    file.write_all(&self.buffer[..count]).map_err(writing(entry))?;
                    left -= count as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("read", "the layer")(error)),
            }
        }
        Ok(())
    }

    /// Writes the pieces of a sparse file, and leaves the holes between them.
    fn pieces(&mut self, entry: &Entry, data: &FileData, mut file: &File) -> Result<()> {
        let start = self.source.in_pieces.get(&data.digest).ok_or_else(|| lacking(entry))?;
        let mut tarball = TarReader::new(from(self.source.tarball, *start), Limits::of_part(), self.source.cancel);
        tarball.next_entry()?.ok_or_else(|| lacking(entry))?;
        while let Some(piece) = tarball.next_piece(&mut self.buffer)? {
            match piece {
                Piece::Data(count) => file.write_all(&self.buffer[..count]),
                Piece::Hole(count) => file.seek(SeekFrom::Current(count as i64)).and_then(|end| file.set_len(end)),
            }
            .map_err(writing(entry))?;
        }
        Ok(())
    }
}

/// The digest of a whole tarball.
pub(super) fn digest(tarball: &dyn Tarball, cancel: &Cancel) -> Result<Digest> {
    digest_of(&mut At { tarball, at: 0 }, cancel)
}

/// Fails unless the data of a file, in one piece, is what its entry says.
pub(super) fn check(tarball: &dyn Tarball, entry: &Entry, cancel: &Cancel) -> Result<()> {
    let Node::File(FileData { size, digest, offset: Some(offset) }) = entry.node else { return Ok(()) };
    let found = digest_of(&mut At { tarball, at: offset.get() }.take(size), cancel)?;
    if found == digest {
        return Ok(());
    }
    let reason = format!("in the tarball of its layer its data has the digest {found}");
    Err(Error::Corrupt { what: "file", subject: show_path(&entry.path), reason })
}

fn digest_of(data: &mut dyn Read, cancel: &Cancel) -> Result<Digest> {
    let (mut hasher, mut buffer) = (Hasher::new(), vec![0; BUFFER]);
    loop {
        cancel.check()?;
        match data.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", "the layer")(error)),
        }
    }
}

/// The tarball from that place on.
pub(super) fn from(tarball: &dyn Tarball, at: u64) -> impl Read {
    BufReader::with_capacity(BUFFER, At { tarball, at })
}

struct At<'a> {
    tarball: &'a dyn Tarball,
    at: u64,
}

impl Read for At<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.tarball.read_at(into, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

fn writing(entry: &Entry) -> impl FnOnce(io::Error) -> Error {
    Error::io("write", show_path(&entry.path))
}

fn lacking(entry: &Entry) -> Error {
    let reason = "the tarball of its layer does not have all of it".to_owned();
    Error::Corrupt { what: "file", subject: show_path(&entry.path), reason }
}

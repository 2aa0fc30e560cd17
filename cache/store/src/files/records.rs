//! The stat cache's file: records in the order of layers ([`compare_paths`]), read piece by piece, so that it takes the
//! same memory however many there are. Knows no metadata: a record is so many bytes.
//!
//! `MAGIC`, then the records (the length of the path in 4 bytes, the path, `RECORD` bytes), then a mark for each piece (8
//! bytes of where it starts, and the path of its first record, with its length before it), then where the first mark is
//! and how many bytes the marks take (8 bytes each). Numbers are little-endian.

use crate::layer::compare_paths;
use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// What is stored of one path.
pub(super) type Record = [u8; RECORD];

/// The bytes of a record.
pub(super) const RECORD: usize = 80;

pub(super) const MAGIC: &[u8; 16] = b"rbuild-files/2\n\0";

/// The bytes before a path that say how long it is.
const LENGTH: usize = 4;

/// So many records are a piece: some 30 KB.
const PIECE: usize = 256;

/// Where the marks are, at the end of the file.
const FOOTER: usize = 16;

/// The records of one file; by default none.
#[derive(Debug, Default)]
pub(super) struct Records {
    file: Option<File>,
    marks: Vec<Mark>,
    /// Where the last piece ends.
    end: u64,
}

#[derive(Debug)]
struct Mark {
    start: u64,
    path: Vec<u8>,
}

impl Records {
    /// None if the file is not of this format.
    pub(super) fn read(file: File) -> Option<Self> {
        let length = file.metadata().ok()?.len();
        let mut magic = [0; MAGIC.len()];
        file.read_exact_at(&mut magic, 0).ok().filter(|()| magic == *MAGIC)?;
        let mut footer = [0; FOOTER];
        file.read_exact_at(&mut footer, length.checked_sub(FOOTER as u64)?).ok()?;
        let (end, size) = (number(&footer)?, number(&footer[8..])?);
        if end.checked_add(size)?.checked_add(FOOTER as u64)? != length {
            return None;
        }
        let mut table = vec![0; usize::try_from(size).ok()?];
        file.read_exact_at(&mut table, end).ok()?;
        let marks = marks(&table)?;
        let starts = marks.iter().map(|mark| mark.start).chain([end]);
        starts.is_sorted().then_some(Self { file: Some(file), marks, end })
    }

    /// Writes them and the learnt ones, which are in order too and count where both are of one path.
    pub(super) fn write(self: &Arc<Self>, learnt: &[(&[u8], &Record)], file: impl Write) -> io::Result<()> {
        let mut writer = Writer::new(file)?;
        let mut learnt = learnt.iter().peekable();
        let mut known = Reader::new(self);
        for piece in 0..self.marks.len() {
            known.turn_to(piece);
            while let Some((path, record)) = known.here() {
                while let Some((path, record)) = learnt.next_if(|(new, _)| compare_paths(new, path).is_lt()) {
                    writer.put(path, *record)?;
                }
                if learnt.peek().is_none_or(|(new, _)| *new != path) {
                    writer.put(path, record)?;
                }
                known.step();
            }
        }
        learnt.try_for_each(|(path, record)| writer.put(path, *record))?;
        writer.finish()
    }

    /// The piece that has the path, if any has it.
    fn piece_of(&self, path: &[u8]) -> Option<usize> {
        self.marks.partition_point(|mark| compare_paths(&mark.path, path).is_le()).checked_sub(1)
    }

    /// The bytes of a piece; none of one that cannot be read, which is as good as unknown.
    fn piece(&self, piece: usize, bytes: &mut Vec<u8>) {
        let end = self.marks.get(piece + 1).map_or(self.end, |next| next.start);
        let size = self.marks.get(piece).and_then(|mark| usize::try_from(end - mark.start).ok()).unwrap_or(0);
        bytes.resize(size, 0);
        let read = |file: &File| file.read_exact_at(bytes, self.marks[piece].start).is_ok();
        if !self.file.as_ref().is_some_and(read) {
            bytes.clear();
        }
    }

    #[cfg(test)]
    pub(super) fn count(self: &Arc<Self>) -> usize {
        let mut reader = Reader::new(self);
        let of_piece = |piece| {
            reader.turn_to(piece);
            std::iter::from_fn(|| reader.here().is_some().then(|| reader.step())).count()
        };
        (0..self.marks.len()).map(of_piece).sum()
    }
}

/// A look at one record after the other, with one piece in memory.
#[derive(Debug)]
pub(super) struct Reader {
    records: Arc<Records>,
    piece: Option<usize>,
    bytes: Vec<u8>,
    /// Where the record before this one starts, and this one.
    before: usize,
    at: usize,
}

impl Reader {
    pub(super) fn new(records: &Arc<Records>) -> Self {
        Self { records: records.clone(), piece: None, bytes: Vec::new(), before: 0, at: 0 }
    }

    /// The record of that path. What comes in the order of the file is found without a search.
    pub(super) fn find(&mut self, path: &[u8]) -> Option<&[u8]> {
        let piece = self.records.piece_of(path)?;
        if self.piece != Some(piece) {
            self.turn_to(piece);
        } else if self.record(self.before).is_some_and(|(before, _)| compare_paths(before, path).is_ge()) {
            (self.before, self.at) = (0, 0);
        }
        loop {
            match self.here().map(|(here, _)| compare_paths(here, path)) {
                Some(Ordering::Less) => self.step(),
                Some(Ordering::Equal) => return self.here().map(|(_, record)| record),
                Some(Ordering::Greater) | None => return None,
            }
        }
    }

    fn turn_to(&mut self, piece: usize) {
        self.records.piece(piece, &mut self.bytes);
        (self.piece, self.before, self.at) = (Some(piece), 0, 0);
    }

    /// This path and its record; none at the end of the piece, or where it is damaged.
    fn here(&self) -> Option<(&[u8], &[u8])> {
        self.record(self.at)
    }

    fn step(&mut self) {
        let size = self.here().map_or(0, |(path, _)| LENGTH + path.len() + RECORD);
        (self.before, self.at) = (self.at, self.at + size);
    }

    fn record(&self, at: usize) -> Option<(&[u8], &[u8])> {
        let (path, rest) = text(self.bytes.get(at..)?)?;
        Some((path, rest.get(..RECORD)?))
    }
}

struct Writer<W: Write> {
    file: BufWriter<W>,
    at: u64,
    count: usize,
    marks: Vec<u8>,
}

impl<W: Write> Writer<W> {
    fn new(file: W) -> io::Result<Self> {
        let mut file = BufWriter::with_capacity(64 << 10, file);
        file.write_all(MAGIC)?;
        Ok(Self { file, at: MAGIC.len() as u64, count: 0, marks: Vec::new() })
    }

    fn put(&mut self, path: &[u8], record: &[u8]) -> io::Result<()> {
        let length = (path.len() as u32).to_le_bytes();
        if self.count.is_multiple_of(PIECE) {
            self.marks.extend_from_slice(&self.at.to_le_bytes());
            self.marks.extend_from_slice(&length);
            self.marks.extend_from_slice(path);
        }
        self.count += 1;
        self.at += (LENGTH + path.len() + RECORD) as u64;
        self.file.write_all(&length)?;
        self.file.write_all(path)?;
        self.file.write_all(record)
    }

    fn finish(mut self) -> io::Result<()> {
        self.file.write_all(&self.marks)?;
        self.file.write_all(&self.at.to_le_bytes())?;
        self.file.write_all(&(self.marks.len() as u64).to_le_bytes())?;
        self.file.flush()
    }
}

fn marks(mut table: &[u8]) -> Option<Vec<Mark>> {
    let mut marks = Vec::new();
    while !table.is_empty() {
        let start = number(table)?;
        let (path, rest) = text(&table[8..])?;
        marks.push(Mark { start, path: path.to_vec() });
        table = rest;
    }
    Some(marks)
}

/// A text that begins with its length, and what comes after it.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

fn number(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

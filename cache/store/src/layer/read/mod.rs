//! Reads tarballs from anybody: v7, ustar, PAX, old GNU and star, sparse files in all four encodings. Every length is
//! checked before it is believed. Knows entries, not what becomes of them.

mod header;
mod limits;
mod pax;
mod pump;
mod sparse;

pub use limits::Limits;
pub(super) use pump::pump;

use super::entry::{Entry, FileData, Node, impossible_name, show_path};
use super::fill::fill;
use super::xattr;
use crate::error::{Error, Result};
use crate::root_dir::{Device, Xattrs};
use header::{BLOCK, Header};
use limits::Budget;
use pax::Records;
use rbuild_oci::Cancel;
use sparse::Segment;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::num::NonZeroU64;

/// A piece of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// So many bytes were put at the start of the buffer.
    Data(usize),
    /// So many zeros that the tarball does not hold.
    Hole(u64),
}

/// A tarball being read, strictly forward.
#[derive(Debug)]
pub(super) struct TarReader<'a, R> {
    source: R,
    position: u64,
    /// Where the first header of the current entry is.
    start: u64,
    /// Bytes of the current member that were not read yet, and after them its padding.
    left: u64,
    padding: u64,
    /// What the current file is made of; only a sparse one has more than one segment.
    segments: VecDeque<Segment>,
    at: u64,
    size: u64,
    subject: Vec<u8>,
    globals: Records,
    budget: Budget,
    cancel: &'a Cancel,
}

impl<'a, R: Read> TarReader<'a, R> {
    pub(super) fn new(source: R, limits: Limits, cancel: &'a Cancel) -> Self {
        Self {
            source,
            position: 0,
            start: 0,
            left: 0,
            padding: 0,
            segments: VecDeque::new(),
            at: 0,
            size: 0,
            subject: Vec::new(),
            globals: Records::default(),
            budget: Budget::new(limits),
            cancel,
        }
    }

    /// The next entry as the tarball has it; none at the end. What is left of the one before is skipped. Its path is
    /// clean (no leading slash, `.` or empty component) and never climbs. A file's digest is unknown yet; its offset is
    /// none if it is sparse.
    pub(super) fn next_entry(&mut self) -> Result<Option<Entry>> {
        self.cancel.check()?;
        let mut records = self.globals.clone();
        self.budget.start_headers();
        self.skip_rest()?;
        self.start = self.position;
        loop {
            self.skip_rest()?;
            let Some(header) = self.read_header()? else { return Ok(None) };
            self.left = header.stored_size()?;
            self.padding = self.left.wrapping_neg() % BLOCK as u64;
            match header.kind() {
                b'x' | b'X' => records.parse(&self.read_extra()?)?,
                b'g' => {
                    let body = self.read_extra()?;
                    self.globals.parse(&body)?;
                    records.parse(&body)?;
                }
                b'L' => records.set_path(until_nul(self.read_extra()?)),
                b'K' => records.set_target(until_nul(self.read_extra()?)),
                b'V' | b'A' | b'I' => self.budget.count_skipped(self.left)?,
                _ => return self.entry(&header, &records).map(Some),
            }
        }
    }

    /// Where the first header of the current entry is: read from there on, the tarball begins with it.
    pub(super) const fn start(&self) -> u64 {
        self.start
    }

    /// The next piece of the current file; none at its end.
    pub(super) fn next_piece(&mut self, buffer: &mut [u8]) -> Result<Option<Piece>> {
        self.cancel.check()?;
        let Some(segment) = self.segments.front_mut() else {
            let hole = self.size - self.at;
            self.at = self.size;
            return Ok((hole > 0).then_some(Piece::Hole(hole)));
        };
        if segment.offset > self.at {
            let hole = segment.offset - self.at;
            self.at = segment.offset;
            return Ok(Some(Piece::Hole(hole)));
        }
        let count = segment.length.min(buffer.len() as u64);
        segment.offset += count;
        segment.length -= count;
        if segment.length == 0 {
            self.segments.pop_front();
        }
        self.at += count;
        self.left = self.left.checked_sub(count).ok_or_else(|| self.damaged("its pieces are larger than its data"))?;
        if count == 0 {
            return self.next_piece(buffer);
        }
        self.fill(&mut buffer[..count as usize])?;
        Ok(Some(Piece::Data(count as usize)))
    }

    /// Reads on to the end of the source, so that all of it is hashed.
    pub(super) fn drain(&mut self) -> Result<()> {
        let mut rest = vec![0; 64 << 10];
        loop {
            self.cancel.check()?;
            match self.source.read(&mut rest) {
                Ok(0) => return Ok(()),
                Ok(count) => self.position += count as u64,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("read", "the archive")(error)),
            }
        }
    }

    /// Fails once a stop is asked for.
    pub(super) fn check(&self) -> Result<()> {
        Ok(self.cancel.check()?)
    }

    fn entry(&mut self, header: &Header, records: &Records) -> Result<Entry> {
        self.budget.count_entry()?;
        let raw = records.path().map_or_else(|| header.path(), <[u8]>::to_vec);
        self.subject.clone_from(&raw);
        let path = clean(&raw, self.budget.limits().path)?;
        let target = records.target().map_or_else(|| header.target(), <[u8]>::to_vec);
        let mut entry = Entry::new(path, Node::Fifo, header.mode()? & 0o7777);
        entry.uid = self.id("owner", records.number("uid")?, header.uid()?)?;
        entry.gid = self.id("group", records.number("gid")?, header.gid()?)?;
        entry.mtime = records.mtime()?.map_or_else(|| header.mtime(), Ok)?;
        entry.xattrs = xattrs(records);
        entry.node = self.node(header, records, &raw, target)?;
        if !matches!(entry.node, Node::File(_)) {
            self.budget.count_skipped(self.left)?;
            (self.size, self.at) = (0, 0);
            self.segments.clear();
        }
        Ok(entry)
    }

    fn node(&mut self, header: &Header, records: &Records, raw: &[u8], target: Vec<u8>) -> Result<Node> {
        Ok(match header.kind() {
            b'0' | 0 | b'7' if raw.ends_with(b"/") => Node::DIRECTORY,
            b'0' | 0 | b'7' | b'S' => Node::File(self.file(header, records)?),
            b'1' => Node::HardLink { target: clean(&target, self.budget.limits().path)? },
            b'2' if target.is_empty() => return Err(self.damaged("it is a symbolic link to nothing")),
            b'2' if target.len() >= self.budget.limits().path => return Err(self.refused("its target is too long")),
            b'2' => Node::Symlink { target },
            b'3' => Node::CharDevice(self.device(header)?),
            b'4' => Node::BlockDevice(self.device(header)?),
            b'5' | b'D' => Node::DIRECTORY,
            b'6' => Node::Fifo,
            b'M' => return Err(self.refused("it is continued from another volume")),
            kind => return Err(self.refused(&format!("its type {:?} is not known", char::from(kind)))),
        })
    }

    /// Lays out the pieces of a regular file.
    fn file(&mut self, header: &Header, records: &Records) -> Result<FileData> {
        if let Some(size) = records.number("size")? {
            self.left = size;
            self.padding = size.wrapping_neg() % BLOCK as u64;
        }
        let map = match header.kind() {
            b'S' => Some(sparse::old_gnu(header, || self.map_block())?),
            _ => sparse::from_records(records, || self.map_block_in_data())?,
        };
        self.at = 0;
        self.segments.clear();
        let Some(map) = map else {
            self.size = self.left;
            self.segments.push_back(Segment { offset: 0, length: self.size });
            self.budget.count_file(self.size, self.position.saturating_add(self.left))?;
            return Ok(FileData { offset: NonZeroU64::new(self.position), ..FileData::unread(self.size) });
        };
        self.size = map.size;
        self.segments = sparse::checked(map, self.left).map_err(|reason| self.damaged(reason))?.into();
        self.budget.count_file(self.size, self.position.saturating_add(self.left))?;
        Ok(FileData::unread(self.size))
    }

    fn device(&self, header: &Header) -> Result<Device> {
        let device = header.device()?;
        if device == (Device { major: 0, minor: 0 }) && header.kind() == b'3' {
            return Err(self.refused("the character device 0:0 is how overlays mark deletions"));
        }
        Ok(device)
    }

    fn id(&self, what: &str, record: Option<u64>, header: u64) -> Result<u32> {
        let id = record.unwrap_or(header);
        match u32::try_from(id) {
            Ok(id) if id != u32::MAX => Ok(id),
            _ => Err(self.refused(&format!("its {what} {id} is none that Linux has"))),
        }
    }

    /// The body of an extended header or long name.
    fn read_extra(&mut self) -> Result<Vec<u8>> {
        self.budget.count_header(self.left)?;
        let mut body = vec![0; self.left as usize];
        self.fill(&mut body)?;
        self.left = 0;
        Ok(body)
    }

    /// A block of a sparse map that does not count as data.
    fn map_block(&mut self) -> Result<[u8; BLOCK]> {
        let mut block = [0; BLOCK];
        self.budget.count_header(BLOCK as u64)?;
        self.fill(&mut block)?;
        Ok(block)
    }

    /// A block of a sparse map that does.
    fn map_block_in_data(&mut self) -> Result<[u8; BLOCK]> {
        self.left = self.left.checked_sub(BLOCK as u64).ok_or_else(|| self.damaged("its sparse map is cut short"))?;
        self.map_block()
    }

    /// A further header, none at the end of the archive.
    fn read_header(&mut self) -> Result<Option<Header>> {
        let mut block = [0; BLOCK];
        match fill(&mut self.source, &mut block).map_err(Error::io("read", "the archive"))? {
            0 => return Ok(None),
            BLOCK => {}
            _ => return Err(header::damaged(self.position, "the archive ends in the middle of it")),
        }
        self.position += BLOCK as u64;
        if block == [0; BLOCK] { Ok(None) } else { Header::new(&block, self.position - BLOCK as u64).map(Some) }
    }

    fn skip_rest(&mut self) -> Result<()> {
        let mut skip = self.left.saturating_add(self.padding);
        let mut into = [0; 8 << 10];
        while skip > 0 {
            let count = skip.min(into.len() as u64);
            self.fill(&mut into[..count as usize])?;
            skip -= count;
        }
        (self.left, self.padding) = (0, 0);
        Ok(())
    }

    fn fill(&mut self, into: &mut [u8]) -> Result<()> {
        match self.source.read_exact(into) {
            Ok(()) => self.position += into.len() as u64,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(self.truncated()),
            Err(error) => return Err(Error::io("read", "the archive")(error)),
        }
        Ok(())
    }

    fn truncated(&self) -> Error {
        self.damaged("the archive ends in the middle of it")
    }

    fn damaged(&self, reason: &str) -> Error {
        Error::Corrupt { what: "archive entry", subject: show(&self.subject), reason: reason.to_owned() }
    }

    fn refused(&self, reason: &str) -> Error {
        refused(&self.subject, reason)
    }
}

/// Whether a block is the header of a tar entry: its checksum is right.
pub(super) fn is_header(block: &[u8]) -> bool {
    <&[u8; BLOCK]>::try_from(block).is_ok_and(|block| *block != [0; BLOCK] && Header::new(block, 0).is_ok())
}

/// The path less leading slashes, empty components and dots.
fn clean(path: &[u8], limit: usize) -> Result<Vec<u8>> {
    if path.len() > limit {
        let shown = format!("{}…", show(&path[..64.min(path.len())]));
        let reason = format!("its path has {} bytes, more than {limit}", path.len());
        return Err(Error::Refused { what: "archive entry", subject: shown, reason });
    }
    let mut out = Vec::with_capacity(path.len());
    for name in path.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => continue,
            b".." => return Err(refused(path, "its path leads out of the archive")),
            _ => {}
        }
        if let Some(reason) = impossible_name(name.strip_prefix(b".wh.").unwrap_or(name)) {
            return Err(refused(path, reason));
        }
        if !out.is_empty() {
            out.push(b'/');
        }
        out.extend_from_slice(name);
    }
    Ok(out)
}

fn xattrs(records: &Records) -> Xattrs {
    let kept = records.xattrs().filter(|(name, _)| !xattr::is_internal(name));
    kept.map(|(name, value)| (name.to_vec(), xattr::portable(name, value.to_vec()))).collect()
}

fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
    bytes
}

fn refused(path: &[u8], reason: &str) -> Error {
    Error::Refused { what: "archive entry", subject: show(path), reason: reason.to_owned() }
}

fn show(raw: &[u8]) -> String {
    if raw.is_empty() { "(first)".to_owned() } else { show_path(raw).replacen("//", "/", 1) }
}

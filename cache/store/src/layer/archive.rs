//! A tarball as a source of files, compressed or not, for packing what is in it: its entries in the order of layers,
//! with their bytes at hand in any order. Whiteouts mean nothing here. Knows no layer and no store.

use super::codec::{Compression, decompress};
use super::draft::Draft;
use super::entry::{Entry, FileData, Node};
use super::read::{Limits, Piece, TarReader};
use crate::error::{Error, Result};
use rbuild_oci::Cancel;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

/// Bytes that are enough to know a tarball by: its first header.
const HEADER: usize = 512;

/// An open archive.
#[derive(Debug)]
pub struct Archive {
    tarball: File,
    /// Where the data of sparse files is, with their holes.
    expanded: Option<File>,
    entries: Vec<Entry>,
    /// Where in `expanded` the file of that path starts.
    sparse: BTreeMap<Vec<u8>, u64>,
}

/// The bytes of one file of an archive.
#[derive(Debug)]
pub struct ArchiveBody<'a> {
    file: &'a File,
    at: u64,
    left: u64,
}

/// Whether this is a tarball, compressed or not: its first header must make sense. Names say nothing, and an archive of
/// nothing is none.
pub fn is_archive(source: impl Read + Send) -> Result<bool> {
    let (_, plain) = decompress(source)?;
    let mut first = Vec::new();
    match plain.take(HEADER as u64).read_to_end(&mut first) {
        Ok(HEADER) => Ok(super::read::is_header(&first)),
        // What cannot be decompressed is a file like any other.
        Ok(_) => Ok(false),
        Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::Other) => {
            Ok(false)
        }
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(Error::io("read", "the archive")(error)),
    }
}

impl Archive {
    /// Opens an archive that is a seekable file, at its start. What does not lie in it in one piece (all of it if it is
    /// compressed, sparse files) goes to files from `spool`: empty, readable, gone when closed.
    pub fn open(mut source: File, spool: &dyn Fn() -> Result<File>, limits: Limits, cancel: &Cancel) -> Result<Self> {
        let mut first = [0; Compression::PREFIX];
        let read = source.read(&mut first).and_then(|count| source.rewind().map(|()| count));
        let count = read.map_err(Error::io("read", "the archive"))?;
        if Compression::of(&first[..count]) == Compression::None {
            let (again, reader) = twice(source)?;
            return Self::index(BufReader::new(reader), again, spool, limits, cancel);
        }
        let compressed = source.metadata().map_err(Error::io("stat", "the archive"))?.len();
        let (again, out) = twice(spool()?)?;
        let plain = decompress(source)?.1;
        Self::index(Spooled { plain, out, size: 0, compressed, limits }, again, spool, limits, cancel)
    }

    /// What is in it, in the order of [`super::compare_paths`], each path once (of several the last), links of the
    /// archive in parents followed. Parents that the archive does not name are there as implied directories. Digests of
    /// files are unknown; offsets are the archive's own affair.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The bytes of a regular file among the entries; nothing for anything else.
    pub fn body(&self, entry: &Entry) -> ArchiveBody<'_> {
        let nothing = ArchiveBody { file: &self.tarball, at: 0, left: 0 };
        let Node::File(data) = entry.node else { return nothing };
        match (data.offset, self.sparse.get(&entry.path), &self.expanded) {
            (Some(at), _, _) => ArchiveBody { at: at.get(), left: data.size, ..nothing },
            (None, Some(at), Some(file)) => ArchiveBody { file, at: *at, left: data.size },
            _ => nothing,
        }
    }

    fn index(
        reader: impl Read,
        tarball: File,
        spool: &dyn Fn() -> Result<File>,
        limits: Limits,
        cancel: &Cancel,
    ) -> Result<Self> {
        let mut tar = TarReader::new(reader, limits, cancel);
        let mut draft = Draft::new();
        let mut archive = Self { tarball, expanded: None, entries: Vec::new(), sparse: BTreeMap::new() };
        while let Some(mut entry) = tar.next_entry()? {
            entry.path = draft.resolve_parents(&entry.path)?;
            if let Node::HardLink { target } = &mut entry.node {
                *target = draft.resolve_parents(target)?;
            }
            if entry.path.is_empty() && !entry.node.is_directory() {
                continue;
            }
            if let Node::File(FileData { offset: None, .. }) = entry.node {
                let at = archive.expand(&mut tar, spool)?;
                archive.sparse.insert(entry.path.clone(), at);
            }
            draft.imply_parents(&entry.path)?;
            draft.put(entry)?;
        }
        tar.drain()?;
        archive.entries = draft.into_entries();
        Ok(archive)
    }

    /// Writes the current sparse file to the end of `expanded` and says where it starts.
    fn expand(&mut self, tar: &mut TarReader<'_, impl Read>, spool: &dyn Fn() -> Result<File>) -> Result<u64> {
        let failed = || Error::io("write", "a sparse file of the archive");
        let mut file = match self.expanded.take() {
            Some(file) => file,
            None => spool()?,
        };
        let start = file.seek(SeekFrom::End(0)).map_err(failed())?;
        let mut buffer = vec![0; 64 << 10];
        while let Some(piece) = tar.next_piece(&mut buffer)? {
            match piece {
                Piece::Data(count) => file.write_all(&buffer[..count]),
                Piece::Hole(count) => file.seek(SeekFrom::Current(count as i64)).and_then(|end| file.set_len(end)),
            }
            .map_err(failed())?;
        }
        self.expanded = Some(file);
        Ok(start)
    }
}

/// Two handles on one file.
fn twice(file: File) -> Result<(File, File)> {
    let again = file.try_clone().map_err(Error::io("open again", "the archive"))?;
    Ok((again, file))
}

/// Decompressed bytes on their way to the one who reads them and to a file.
struct Spooled<'a> {
    plain: Box<dyn Read + Send + 'a>,
    out: File,
    size: u64,
    compressed: u64,
    limits: Limits,
}

impl Read for Spooled<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.plain.read(into)?;
        self.size += count as u64;
        self.limits.check_ratio(self.size, self.compressed).map_err(std::io::Error::other)?;
        self.out.write_all(&into[..count])?;
        Ok(count)
    }
}

impl Read for ArchiveBody<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let room = self.left.min(into.len() as u64) as usize;
        let count = self.file.read_at(&mut into[..room], self.at)?;
        self.at += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

//! The log as it is read, perhaps while it grows. Lines that a crash left half are passed over.

use super::{Entry, Name};
use crate::container::model::ContainerId;
use crate::container::shelf::Containers;
use crate::error::{Error, Result};
use rbuild_oci::Timestamp;
use rbuild_runner::Stream;
use rbuild_store::if_there;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A line that a container printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// On which stream.
    pub stream: Stream,
    /// When its end was printed.
    pub time: Timestamp,
    /// The line; with its end, if it had one.
    pub text: String,
}

/// Reads a log, line by line.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
    /// How much of the buffer was given out.
    taken: usize,
}

const CHUNK: usize = 64 << 10;

impl Reader {
    /// Opens the log of a container; none where nothing was ever printed.
    pub fn of(containers: &Containers, id: &ContainerId) -> Result<Option<Self>> {
        Self::open(&containers.dir(id).join(super::name(id)))
    }

    pub(super) fn open(path: &Path) -> Result<Option<Self>> {
        let file = if_there(File::open(path)).map_err(Error::io("open", path.display()))?;
        Ok(file.map(|file| Self { path: path.to_owned(), file, buffer: Vec::new(), taken: 0 }))
    }

    /// Goes to the last `count` lines that there are now.
    pub fn skip_to_last(&mut self, count: usize) -> Result<()> {
        let failed = || Error::io("read", self.path.display());
        let mut at = self.file.seek(SeekFrom::End(0)).map_err(failed())?;
        let (mut missing, mut block) = (count, vec![0; CHUNK]);
        let mut is_end = true;
        while at > 0 && count > 0 {
            let size = at.min(CHUNK as u64);
            at -= size;
            let bytes = &mut block[..size as usize];
            self.file.read_exact_at(bytes, at).map_err(failed())?;
            let ends = bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').map(|(place, _)| place);
            for place in ends {
                // The end of the last line is not the beginning of another.
                if std::mem::take(&mut is_end) && at + place as u64 + 1 == self.length()? {
                    continue;
                }
                match missing.checked_sub(1) {
                    Some(0) | None => return self.go_to(at + place as u64 + 1),
                    Some(left) => missing = left,
                }
            }
        }
        self.go_to(at)
    }

    /// The next line; none where the log ends for now.
    pub fn next_line(&mut self) -> Result<Option<Line>> {
        loop {
            if let Some(end) = self.buffer[self.taken..].iter().position(|byte| *byte == b'\n') {
                let line = &self.buffer[self.taken..self.taken + end];
                let line = serde_json::from_slice::<Entry<'_>>(line).ok().map(Line::from);
                self.taken += end + 1;
                if line.is_some() {
                    return Ok(line);
                }
            } else if self.fill()? == 0 {
                return Ok(None);
            }
        }
    }

    fn fill(&mut self) -> Result<usize> {
        self.buffer.drain(..std::mem::take(&mut self.taken));
        let old = self.buffer.len();
        self.buffer.resize(old + CHUNK, 0);
        let got = loop {
            match self.file.read(&mut self.buffer[old..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(old + got.as_ref().map_or(0, |got| *got));
        got.map_err(Error::io("read", self.path.display()))
    }

    fn go_to(&mut self, place: u64) -> Result<()> {
        self.file.seek(SeekFrom::Start(place)).map(drop).map_err(Error::io("read", self.path.display()))
    }

    fn length(&self) -> Result<u64> {
        Ok(self.file.metadata().map_err(Error::io("read", self.path.display()))?.len())
    }
}

impl From<Entry<'_>> for Line {
    fn from(entry: Entry<'_>) -> Self {
        let stream = match entry.stream {
            Name::Stdout => Stream::Stdout,
            Name::Stderr => Stream::Stderr,
        };
        Self { stream, time: entry.time, text: entry.log.into_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn line(number: usize) -> String {
        format!("{{\"log\":\"{number}\\n\",\"stream\":\"stdout\",\"time\":\"1970-01-01T00:00:00Z\"}}\n")
    }

    fn rest(reader: &mut Reader) -> String {
        std::iter::from_fn(|| reader.next_line().unwrap()).map(|line| line.text.trim().to_owned() + " ").collect()
    }

    #[test]
    fn damaged_lines_are_passed_over_and_half_ones_awaited() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        write!(file, "{}{{\"log\":\"ha\n{}junk\n{}{{\"log\":", line(1), line(2), line(3)).unwrap();
        let mut reader = Reader::open(file.path()).unwrap().unwrap();
        assert_eq!(rest(&mut reader), "1 2 3 ");
        writeln!(file, "\"4\",\"stream\":\"stderr\",\"time\":\"1970-01-01T00:00:00Z\"}}").unwrap();
        assert_eq!(rest(&mut reader), "4 ");
        assert!(Reader::open(Path::new("/none/such")).unwrap().is_none());
    }

    #[test]
    fn the_last_lines() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let all: String = (0..5_000).map(line).collect();
        file.write_all(all.as_bytes()).unwrap();
        for (count, expected) in [(0, ""), (1, "4999 "), (3, "4997 4998 4999 ")] {
            let mut reader = Reader::open(file.path()).unwrap().unwrap();
            reader.skip_to_last(count).unwrap();
            assert_eq!(rest(&mut reader), expected, "{count}");
        }
        for count in [5_000, 6_000] {
            let mut reader = Reader::open(file.path()).unwrap().unwrap();
            reader.skip_to_last(count).unwrap();
            assert_eq!(rest(&mut reader).split_whitespace().count(), 5_000);
        }
        let mut reader = Reader::open(file.path()).unwrap().unwrap();
        reader.skip_to_last(1_500).unwrap();
        assert!(rest(&mut reader).starts_with("3500 "));
    }
}

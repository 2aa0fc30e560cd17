//! The log while it is written. It never stops a container: where it cannot be written, lines are lost and it goes on
//! with the next that can.

use super::{Entry, Name};
use rbuild_oci::Timestamp;
use rbuild_runner::Stream;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Longer lines are cut, as Docker cuts them.
const LONGEST: usize = 16 << 10;

/// A container's log.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: Option<File>,
    /// Bytes of whole lines in the file.
    length: u64,
    /// What has no end of line yet.
    begun: [Vec<u8>; 2],
    /// What to write next.
    text: Vec<u8>,
    has_failed: bool,
}

impl Log {
    /// The log at `path`; what is there stays.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, file: None, length: 0, begun: [Vec::new(), Vec::new()], text: Vec::new(), has_failed: false }
    }

    /// Takes output. Gives the first failure, once.
    pub(crate) fn write(&mut self, stream: Stream, bytes: &[u8], now: Timestamp) -> Option<io::Error> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let begun = &mut self.begun[index(stream)];
            begun.extend_from_slice(piece);
            while begun.len() > LONGEST {
                let rest = begun.split_off(char_boundary(begun));
                put(&mut self.text, stream, begun, now);
                *begun = rest;
            }
            if begun.last() == Some(&b'\n') {
                put(&mut self.text, stream, begun, now);
                begun.clear();
            }
        }
        self.flush()
    }

    /// Takes what never came to the end of its line.
    pub(crate) fn finish(&mut self, now: Timestamp) -> Option<io::Error> {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let begun = std::mem::take(&mut self.begun[index(stream)]);
            if !begun.is_empty() {
                put(&mut self.text, stream, &begun, now);
            }
        }
        self.flush()
    }

    fn flush(&mut self) -> Option<io::Error> {
        if self.text.is_empty() {
            return None;
        }
        let written = self.append();
        self.text.clear();
        let error = written.err()?;
        let is_first = !self.has_failed;
        self.has_failed = true;
        is_first.then_some(error)
    }

    /// All of the text or, as far as that can be, nothing: half of a line would spoil the next.
    fn append(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let file = OpenOptions::new().append(true).create(true).mode(0o640).open(&self.path)?;
                self.length = file.metadata()?.len();
                none.insert(file)
            }
        };
        match file.write_all(&self.text) {
            Ok(()) => self.length += self.text.len() as u64,
            Err(error) => return file.set_len(self.length).and(Err(error)),
        }
        Ok(())
    }
}

const fn index(stream: Stream) -> usize {
    match stream {
        Stream::Stdout => 0,
        Stream::Stderr => 1,
    }
}

fn put(text: &mut Vec<u8>, stream: Stream, line: &[u8], time: Timestamp) {
    let stream = match stream {
        Stream::Stdout => Name::Stdout,
        Stream::Stderr => Name::Stderr,
    };
    let entry = Entry { log: String::from_utf8_lossy(line), stream, time };
    if let Ok(json) = serde_json::to_vec(&entry) {
        text.extend_from_slice(&json);
        text.push(b'\n');
    }
}

/// Where to cut at [`LONGEST`] bytes or a little before, so that no character of UTF-8 is split.
fn char_boundary(bytes: &[u8]) -> usize {
    let is_start = |at: &usize| bytes[*at] & 0xC0 != 0x80;
    (LONGEST - 3..=LONGEST).rev().find(is_start).unwrap_or(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::super::Reader;
    use super::*;

    fn logged(writes: &[(Stream, &[u8])]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = Log::new(path.clone());
        for (stream, bytes) in writes {
            assert!(log.write(*stream, bytes, Timestamp::from_seconds(7)).is_none());
        }
        assert!(log.finish(Timestamp::from_seconds(8)).is_none());
        let mut reader = Reader::open(&path).unwrap().unwrap();
        let mut lines = Vec::new();
        while let Some(line) = reader.next_line().unwrap() {
            lines.push(format!("{:?} {} {:?}", line.stream, line.time.seconds, line.text));
        }
        lines
    }

    #[test]
    fn lines_are_whole_and_in_order() {
        let writes: [(Stream, &[u8]); 5] = [
            (Stream::Stdout, b"one\ntw"),
            (Stream::Stderr, b"oops\n"),
            (Stream::Stdout, b"o\n\xff\n"),
            (Stream::Stderr, b"half"),
            (Stream::Stdout, b"\n"),
        ];
        let expected = [
            "Stdout 7 \"one\\n\"",
            "Stderr 7 \"oops\\n\"",
            "Stdout 7 \"two\\n\"",
            "Stdout 7 \"\u{fffd}\\n\"",
            "Stdout 7 \"\\n\"",
            "Stderr 8 \"half\"",
        ];
        assert_eq!(logged(&writes), expected);
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        let long = "aé".repeat(LONGEST);
        let lines = logged(&[(Stream::Stdout, long.as_bytes())]);
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| !line.contains('\u{fffd}') && line.len() < LONGEST + 32));
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_once() {
        let mut log = Log::new("/dev/full".into());
        assert!(log.write(Stream::Stdout, b"x\n", Timestamp::default()).is_some());
        assert!(log.write(Stream::Stdout, b"x\n", Timestamp::default()).is_none());
    }
}

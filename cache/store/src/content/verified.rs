//! A reader that does not end well unless the bytes had the digest. Knows no store.

use super::other_digest;
use rbuild_oci::{Descriptor, Digest, Hasher};
use std::io::{self, Read};

/// Passes bytes on and hashes them; where they end, they must have had the digest, or the read fails with
/// [`io::ErrorKind::InvalidData`], and so does every one after it. Bytes count as verified once a read has returned 0.
#[derive(Debug)]
pub struct Verified<R> {
    source: R,
    wanted: Digest,
    /// The bytes that are missing, where the size is known.
    left: Option<u64>,
    state: State,
}

#[derive(Debug)]
enum State {
    Reading(Hasher),
    Right,
    Wrong(String),
}

impl<R: Read> Verified<R> {
    /// Reads `source`, whose bytes are to have that digest.
    pub fn new(source: R, wanted: Digest) -> Self {
        Self { source, wanted, left: None, state: State::Reading(Hasher::new()) }
    }

    /// Reads what `blob` describes from `source`: its size, too, has to be right, and no more than that is passed on.
    pub fn of(source: R, blob: &Descriptor) -> Self {
        Self { left: Some(blob.size), ..Self::new(source, blob.digest) }
    }

    /// What is to be said at the end.
    fn verdict(&self, hasher: Hasher) -> State {
        let found = hasher.finish();
        match self.left {
            Some(left) if left > 0 => State::Wrong(format!("it ends {left} bytes before its size")),
            _ if found != self.wanted => State::Wrong(other_digest(&found)),
            _ => State::Right,
        }
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if let State::Reading(hasher) = &mut self.state {
            let count = self.source.read(buffer)?;
            hasher.update(&buffer[..count]);
            let end = (count == 0).then(|| hasher.clone());
            match (end, self.left.map(|left| left.checked_sub(count as u64))) {
                (Some(hasher), _) => self.state = self.verdict(hasher),
                (_, Some(None)) => self.state = State::Wrong("it is larger than its size says".to_owned()),
                (_, left) => {
                    self.left = left.flatten();
                    return Ok(count);
                }
            }
        }
        match &self.state {
            State::Wrong(reason) => Err(io::Error::new(io::ErrorKind::InvalidData, reason.clone())),
            _ => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(mut reader: impl Read) -> Result<String, String> {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text).map_err(|error| error.to_string())
    }

    #[test]
    fn right_bytes_pass_and_wrong_ones_fail_at_their_end() {
        let blob = Descriptor::of("text/plain", b"hello");
        assert_eq!(text(Verified::new(&b"hello"[..], blob.digest)).unwrap(), "hello");
        assert_eq!(text(Verified::of(&b"hello"[..], &blob)).unwrap(), "hello");
        for (wrong, why) in [
            (&b"hell"[..], "before its size"),
            (b"hello!", "larger"),
            (b"", "before its size"),
            (b"jello", "digest is"),
        ] {
            assert!(text(Verified::of(wrong, &blob)).unwrap_err().contains(why));
            let mut reader = Verified::new(wrong, blob.digest);
            for _ in 0..2 {
                assert!(text(&mut reader).unwrap_err().contains("its digest is"));
            }
        }
    }

    #[test]
    fn an_empty_buffer_is_no_end() {
        let mut reader = Verified::new(&b"x"[..], Digest::of(b"x"));
        assert_eq!(reader.read(&mut []).unwrap(), 0);
        assert_eq!(reader.read(&mut [0; 4]).unwrap(), 1);
        assert_eq!(reader.read(&mut [0; 4]).unwrap(), 0);
    }
}

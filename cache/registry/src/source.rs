//! A blob's content on its way out: read from where it is needed on, verified while it is read. Knows no registry.

use rbuild_oci::{Cancel, Descriptor, Hasher};
use std::fmt;
use std::io::{self, Read};

/// Bytes that are skipped at a time.
const CHUNK: usize = 64 << 10;

/// Gives a blob's content up to a limit that moves on. The last bytes of the blob are only given if it has the right
/// digest, so that nobody ever has the whole of something else.
pub struct Source<'a> {
    inner: Box<dyn Read + Send + 'a>,
    hasher: Hasher,
    blob: &'a Descriptor,
    cancel: &'a Cancel,
    at: u64,
    end: u64,
    failed: Option<io::Error>,
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({} at {})", self.blob.digest, self.at)
    }
}

impl<'a> Source<'a> {
    /// The content of `blob` from `at` on; what is before that is read too, as it counts for the digest.
    pub fn new(
        inner: Box<dyn Read + Send + 'a>,
        blob: &'a Descriptor,
        cancel: &'a Cancel,
        at: u64,
    ) -> io::Result<Self> {
        let mut source = Self { inner, hasher: Hasher::new(), blob, cancel, at: 0, end: at, failed: None };
        let mut buffer = vec![0; CHUNK.min(at as usize)];
        while source.at < at {
            if let Err(error) = source.read(&mut buffer)
                && error.kind() != io::ErrorKind::Interrupted
            {
                return Err(source.failed.take().unwrap_or(error));
            }
        }
        Ok(source)
    }

    /// How far it was read.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Lets it be read up to `end`.
    pub fn up_to(&mut self, end: u64) -> &mut Self {
        self.end = end.min(self.blob.size);
        self
    }

    /// What went wrong here, not on the wire.
    pub fn take_failure(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    fn next(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = (self.end - self.at).min(buffer.len() as u64) as usize;
        let count = self.inner.read(&mut buffer[..room])?;
        if count == 0 && room > 0 {
            let reason = format!("it is shorter than its descriptor says: {} of {} bytes", self.at, self.blob.size);
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        self.hasher.update(&buffer[..count]);
        self.at += count as u64;
        if count > 0 && self.at == self.blob.size {
            let found = self.hasher.clone().finish();
            if found != self.blob.digest {
                return Err(io::Error::new(io::ErrorKind::InvalidData, format!("its digest is {found}")));
            }
        }
        Ok(count)
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_canceled() {
            return Err(io::Error::other("canceled"));
        }
        self.next(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            kind => {
                self.failed = Some(error);
                kind.into()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rbuild_oci::MediaType;

    fn source<'a>(bytes: &'a [u8], blob: &'a Descriptor, cancel: &'a Cancel, at: u64) -> io::Result<Source<'a>> {
        Source::new(Box::new(bytes), blob, cancel, at)
    }

    fn rest(source: &mut Source<'_>) -> Result<String, String> {
        let mut text = String::new();
        let failed = source.read_to_string(&mut text).err();
        failed.map_or(Ok(text), |_| Err(source.take_failure().unwrap().to_string()))
    }

    #[test]
    fn it_is_given_in_pieces_from_anywhere() {
        let (blob, cancel) = (Descriptor::of(MediaType::OCI_LAYER, b"0123456789"), Cancel::new());
        let mut source = source(b"0123456789", &blob, &cancel, 2).unwrap();
        assert_eq!(rest(source.up_to(5)).unwrap(), "234");
        assert_eq!((rest(source.up_to(50)).unwrap().as_str(), source.at()), ("56789", 10));
    }

    #[test]
    fn the_end_of_something_else_is_kept_back() {
        let (blob, cancel) = (Descriptor::of(MediaType::OCI_LAYER, b"right"), Cancel::new());
        let mut wrong = source(b"wrong", &blob, &cancel, 1).unwrap();
        assert!(rest(wrong.up_to(5)).unwrap_err().starts_with("its digest is sha256:"));
        let mut short = source(b"rig", &blob, &cancel, 0).unwrap();
        assert_eq!(rest(short.up_to(5)).unwrap_err(), "it is shorter than its descriptor says: 3 of 5 bytes");
        let error = source(b"rig", &blob, &cancel, 4).err().unwrap().to_string();
        assert!(error.contains("shorter"), "{error}");
    }

    #[test]
    fn a_raised_flag_ends_it() {
        let (blob, cancel) = (Descriptor::of(MediaType::OCI_LAYER, b"right"), Cancel::new());
        let mut source = source(b"right", &blob, &cancel, 0).unwrap();
        cancel.cancel();
        assert_eq!(source.up_to(5).read(&mut [0; 8]).unwrap_err().to_string(), "canceled");
    }
}

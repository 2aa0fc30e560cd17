//! What a host that is no registry answers: its status, its headers and its body, read once. Knows neither what was
//! asked nor whether it is asked again.

use crate::error::{Error, Result};
use crate::http::{Response, silence};
use crate::pace::Pace;
use crate::retry::{http_date, retry_after};
use rbuild_oci::{Cancel, Canceled, Timestamp};
use std::fmt;
use std::io::{self, Read};
use std::time::{Duration, Instant};
use ureq::http::StatusCode;

/// An answer, its body not read yet.
pub struct Answer<'a> {
    response: Response,
    cancel: &'a Cancel,
    subject: String,
}

/// Bytes read at a time, and so how often the flag to stop is looked at.
const CHUNK: usize = 64 << 10;

impl<'a> Answer<'a> {
    pub(crate) fn new(response: Response, cancel: &'a Cancel, subject: &str) -> Self {
        Self { response, cancel, subject: subject.to_owned() }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.response.status
    }

    /// Whether it says that what the question named is still valid (304); it has no body then.
    pub fn is_unchanged(&self) -> bool {
        self.status() == 304
    }

    /// A header's text, where it is there and printable.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.header(name)
    }

    /// A header that is a date.
    pub fn date(&self, name: &str) -> Option<Timestamp> {
        self.header(name).and_then(http_date)
    }

    /// The size of the body in bytes, if it was announced.
    pub fn size(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// Hands the body to `sink`, piece by piece. A body that next to nothing comes of counts as broken.
    pub fn read(&mut self, mut sink: impl FnMut(&[u8]) -> io::Result<()>) -> Result<()> {
        let subject = self.subject.clone();
        self.each(&mut |bytes| {
            sink(bytes).map_err(|source| Error::Local { operation: "keep", subject: subject.clone(), source })
        })
    }

    /// The whole body, which is small and comes soon: it has at most `limit` bytes and takes at most so long.
    pub fn bytes(&mut self, limit: u64, within: Duration) -> Result<Vec<u8>> {
        let (begin, mut all) = (Instant::now(), Vec::new());
        let (host, subject) = (self.response.url.authority.clone(), self.subject.clone());
        self.each(&mut |bytes| {
            all.extend_from_slice(bytes);
            let (host, subject) = (host.clone(), subject.clone());
            if all.len() as u64 > limit {
                return Err(Error::TooLarge { host, subject, limit });
            }
            if begin.elapsed() > within {
                let slow = format!("{} bytes took more than {:.1} s", all.len(), within.as_secs_f64());
                let source = io::Error::new(io::ErrorKind::TimedOut, slow);
                return Err(Error::Interrupted { host, subject, source });
            }
            Ok(())
        })?;
        Ok(all)
    }

    /// The error that this answer is, for the `reason` that its body or its status gives.
    pub fn refusal(&self, reason: impl Into<String>) -> Error {
        let (host, subject) = (self.response.url.authority.clone(), self.subject.clone());
        let asked = self.header("retry-after").and_then(|value| retry_after(value, self.header("date")));
        match self.status() {
            429 => Error::TooManyRequests { host, subject, retry_after: asked },
            status => Error::Status { host, subject, status, reason: reason.into(), retry_after: asked },
        }
    }

    /// The error that an answer is which does not say what it should.
    pub fn unusable(&self, reason: impl Into<String>) -> Error {
        let (host, subject) = (self.response.url.authority.clone(), self.subject.clone());
        Error::Protocol { host, subject, reason: reason.into() }
    }

    /// The usual words for its status; empty for one that has none.
    pub fn usual_reason(&self) -> &'static str {
        let known = StatusCode::from_u16(self.status()).ok();
        known.and_then(|status| status.canonical_reason()).unwrap_or_default()
    }

    fn each(&mut self, sink: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let (announced, mut done) = (self.size(), 0);
        let mut pace = Pace::new(self.response.idle);
        let mut chunk = vec![0; CHUNK];
        loop {
            self.cancel.check()?;
            let came = self.response.body.as_reader().read(&mut chunk);
            let count = match came.and_then(|count| if count > 0 { pace.came(count).map(|()| count) } else { Ok(0) }) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) if self.cancel.is_canceled() => return Err(Canceled.into()),
                Err(source) => return Err(self.broken(source)),
            };
            done += count as u64;
            sink(&chunk[..count])?;
        }
        match announced {
            Some(size) if size != done => {
                let ended = format!("it ended after {done} of {size} bytes");
                Err(self.broken(io::Error::new(io::ErrorKind::UnexpectedEof, ended)))
            }
            _ => Ok(()),
        }
    }

    fn broken(&self, source: io::Error) -> Error {
        let (host, subject) = (self.response.url.authority.clone(), self.subject.clone());
        Error::Interrupted { host, subject, source: silence(source) }
    }
}

impl fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({} from {})", self.status(), self.subject)
    }
}

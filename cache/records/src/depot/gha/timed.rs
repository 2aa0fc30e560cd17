//! The time that one document or blob may take: what moves its bytes fails once that is over. Knows neither end.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// When something has to be done.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    begin: Instant,
    within: Duration,
}

/// A way for bytes that closes at its deadline.
pub(super) struct Timed<T> {
    inner: T,
    deadline: Deadline,
}

impl Deadline {
    pub(super) fn after(within: Duration) -> Self {
        Self { begin: Instant::now(), within }
    }

    /// Fails once it is past.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.begin.elapsed() <= self.within {
            return Ok(());
        }
        let text = format!("it took more than {} s, which is its timeout", self.within.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, text))
    }

    pub(super) const fn timed<T>(self, inner: T) -> Timed<T> {
        Timed { inner, deadline: self }
    }
}

impl<R: Read> Read for Timed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.deadline.check()?;
        self.inner.read(buffer)
    }
}

impl<W: Write> Write for Timed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.deadline.check()?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

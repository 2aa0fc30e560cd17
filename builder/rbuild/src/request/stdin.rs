//! Standard input: a Dockerfile, or the tarball of a context. Knows no store.

use rbuild_oci::Cancel;
use rbuild_store::layer::{Compression, is_archive};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{self, Read};

/// What standard input turned out to be.
#[derive(Debug)]
pub enum Input {
    /// A tarball, of which these bytes were read; the rest is still there.
    Tarball(Vec<u8>),
    /// A text, read to its end.
    Text(Vec<u8>),
}

/// Standard input, read without a buffer so that nothing is lost to the next who reads it.
#[derive(Debug, Default)]
pub struct Stdin<'a> {
    /// Ends waiting for more.
    pub cancel: Option<&'a Cancel>,
}

/// Bytes that are enough to know a tarball by.
const PREFIX: u64 = 1024;

/// How often a raised flag is looked at while nothing comes.
const TURN: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

impl Input {
    /// Looks at the first bytes, as BuildKit does: a tarball is known by its first header or by its compression.
    pub(super) fn read(limited: &dyn Fn(&mut dyn Read) -> io::Result<Vec<u8>>) -> io::Result<Self> {
        let mut first = Vec::new();
        Stdin::default().take(PREFIX).read_to_end(&mut first)?;
        if Compression::of(&first) != Compression::None || is_archive(&first[..]).is_ok_and(|yes| yes) {
            return Ok(Self::Tarball(first));
        }
        Ok(Self::Text(limited(&mut first.chain(Stdin::default()))?))
    }
}

impl Read for Stdin<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let stdin = rustix::stdio::stdin();
        loop {
            if let Some(cancel) = self.cancel {
                cancel.check().map_err(io::Error::other)?;
                match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&TURN)) {
                    Ok(0) | Err(Errno::INTR) => continue,
                    other => drop(other?),
                }
            }
            match rustix::io::read(stdin, &mut *into) {
                Err(Errno::INTR) => {}
                other => return Ok(other?),
            }
        }
    }
}

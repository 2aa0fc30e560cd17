//! The tarball of a mount, put together again from its pieces as it is read. Knows no tar.

use super::manifest::Piece;
use super::spool::Spool;
use std::io::{self, Read};

/// Reads pieces one after the other; each is checked before the first byte of it is given.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    spool: &'a Spool,
    ahead: std::slice::Iter<'a, Piece>,
    now: io::Cursor<Vec<u8>>,
}

impl<'a> Stream<'a> {
    pub(super) fn new(spool: &'a Spool, pieces: &'a [Piece]) -> Self {
        Self { spool, ahead: pieces.iter(), now: io::Cursor::default() }
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.now.read(into)?;
            if count > 0 || into.is_empty() {
                return Ok(count);
            }
            let Some(piece) = self.ahead.next() else { return Ok(0) };
            self.now = io::Cursor::new(self.spool.plain(&piece.digest, piece.size).map_err(io::Error::other)?);
        }
    }
}

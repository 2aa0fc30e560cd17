//! Bytes on their way from the thread that fetches them to the one that uses them. Knows nothing of what they are.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes in a piece: what is written in smaller parts is put together.
const PIECE: usize = 128 << 10;

/// Pieces on their way.
const AHEAD: usize = 4;

/// Where bytes go in. Once nobody takes them any more they are dropped, so that who writes can still come to an end and
/// see whether they were right.
#[derive(Debug)]
pub(super) struct Inlet {
    pieces: SyncSender<Option<Vec<u8>>>,
    empty: Receiver<Vec<u8>>,
    now: Vec<u8>,
}

/// Where they come out. It ends well only where the inlet was [closed](Inlet::close).
#[derive(Debug)]
pub(super) struct Outlet {
    pieces: Receiver<Option<Vec<u8>>>,
    back: SyncSender<Vec<u8>>,
    now: Vec<u8>,
    at: usize,
    ended: bool,
}

/// Both ends; they hold a few pieces, so the faster side waits.
pub(super) fn pipe() -> (Inlet, Outlet) {
    let (to, pieces) = sync_channel(AHEAD);
    let (back, empty) = sync_channel(AHEAD + 2);
    let inlet = Inlet { pieces: to, empty, now: Vec::with_capacity(PIECE) };
    (inlet, Outlet { pieces, back, now: Vec::new(), at: 0, ended: false })
}

impl Inlet {
    /// Says that these were all bytes. An inlet that is dropped without it makes its outlet fail.
    pub(super) fn close(mut self) {
        self.send();
        drop(self.pieces.send(None));
    }

    fn send(&mut self) {
        let mut next = self.empty.try_recv().unwrap_or_else(|_| Vec::with_capacity(PIECE));
        next.clear();
        // Nobody may listen any more.
        drop(self.pieces.send(Some(std::mem::replace(&mut self.now, next))));
    }
}

impl Write for Inlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(PIECE - self.now.len());
        self.now.extend_from_slice(&bytes[..count]);
        if self.now.len() == PIECE {
            self.send();
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Outlet {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.now.len() && !self.ended {
            match self.pieces.recv() {
                Ok(Some(next)) => {
                    // The other side may be gone.
                    drop(self.back.try_send(std::mem::replace(&mut self.now, next)));
                    self.at = 0;
                }
                Ok(None) => self.ended = true,
                Err(_) => return Err(io::Error::new(ErrorKind::BrokenPipe, "the transfer broke off")),
            }
        }
        let count = into.len().min(self.now.len() - self.at);
        into[..count].copy_from_slice(&self.now[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(bytes: &[u8], close: bool) -> io::Result<Vec<u8>> {
        let (mut inlet, mut outlet) = pipe();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for part in bytes.chunks(77_777) {
                    inlet.write_all(part).unwrap();
                }
                if close {
                    inlet.close();
                }
            });
            let mut out = Vec::new();
            outlet.read_to_end(&mut out).map(|_| out)
        })
    }

    #[test]
    fn bytes_come_out_as_they_went_in() {
        for size in [0, 1, PIECE - 1, PIECE, PIECE + 1, 20 * PIECE + 5] {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            assert!(through(&bytes, true).unwrap() == bytes, "{size}");
        }
    }

    #[test]
    fn a_transfer_that_breaks_off_is_no_end() {
        assert_eq!(through(&vec![1; 10 * PIECE], false).unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    #[test]
    fn who_writes_comes_to_an_end_when_nobody_reads() {
        let (mut inlet, outlet) = pipe();
        drop(outlet);
        inlet.write_all(&vec![1; 20 * PIECE]).unwrap();
        inlet.close();
    }
}

//! Compression in pieces on several threads at once: one thread reads and writes, the others compress, and the pieces
//! come out in order. Knows how a piece is compressed only through a trait object, and no format.

use crate::error::{Error, Result};
use crate::layer::fill;
use rbuild_oci::Cancel;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

/// Compresses one piece: what it is given, into what it is given, which is empty.
pub(super) type Worker<'a> = Box<dyn FnMut(&[u8], &mut Vec<u8>) -> Result<()> + Send + 'a>;

/// A piece on its way; the buffers are used again.
#[derive(Debug, Default)]
struct Piece {
    number: u64,
    input: Vec<u8>,
    output: Vec<u8>,
}

/// Cuts `source` into pieces of `size` bytes, compresses each by one of the workers, and gives the results to `write` in
/// the order of the source. Nothing at all is one empty piece. At most one piece more than there are workers is in memory.
pub(super) fn each_piece(
    source: &mut dyn Read,
    size: usize,
    workers: Vec<Worker<'_>>,
    write: &mut dyn FnMut(&[u8]) -> Result<()>,
    cancel: &Cancel,
) -> Result<()> {
    let most = workers.len() as u64 + 1;
    let (todo, waiting) = channel();
    let (finished, done) = channel();
    let waiting = Mutex::new(waiting);
    std::thread::scope(|scope| {
        for worker in workers {
            let (waiting, finished) = (&waiting, finished.clone());
            scope.spawn(move || work(worker, waiting, &finished));
        }
        drop(finished);
        let mut line = Line { todo, done, ready: BTreeMap::new(), read: 0, written: 0, write };
        let mut piece = Piece::default();
        loop {
            cancel.check()?;
            let last = !piece.fill(source, size)?;
            if last && line.read > 0 && piece.input.is_empty() {
                break;
            }
            line.send(piece)?;
            if last {
                break;
            }
            piece = if line.read < most { Piece::default() } else { line.take()? };
        }
        while line.written < line.read {
            cancel.check()?;
            line.take()?;
        }
        Ok(())
    })
}

fn work(mut worker: Worker<'_>, waiting: &Mutex<Receiver<Piece>>, finished: &Sender<Result<Piece>>) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut piece) = next else { return };
        piece.output.clear();
        let result = worker(&piece.input, &mut piece.output).map(|()| piece);
        if finished.send(result).is_err() {
            return;
        }
    }
}

impl Piece {
    /// Reads a piece; false where the source ended.
    fn fill(&mut self, source: &mut dyn Read, size: usize) -> Result<bool> {
        self.input.resize(size, 0);
        let count = fill(source, &mut self.input).map_err(Error::io("read", "the layer"))?;
        self.input.truncate(count);
        Ok(count == size)
    }
}

/// What the reading and writing thread knows.
struct Line<'a> {
    todo: Sender<Piece>,
    done: Receiver<Result<Piece>>,
    ready: BTreeMap<u64, Piece>,
    read: u64,
    written: u64,
    write: &'a mut dyn FnMut(&[u8]) -> Result<()>,
}

impl Line<'_> {
    fn send(&mut self, mut piece: Piece) -> Result<()> {
        piece.number = self.read;
        self.read += 1;
        self.todo.send(piece).map_err(|_| stopped())
    }

    /// Writes the next piece in order, once it is there, and gives its buffers back.
    fn take(&mut self) -> Result<Piece> {
        loop {
            if let Some(piece) = self.ready.remove(&self.written) {
                (self.write)(&piece.output)?;
                self.written += 1;
                return Ok(piece);
            }
            let piece = self.done.recv().map_err(|_| stopped())??;
            self.ready.insert(piece.number, piece);
        }
    }
}

fn stopped() -> Error {
    Error::io("compress", "the layer")(std::io::Error::other("a thread stopped"))
}

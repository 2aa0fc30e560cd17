//! The bytes of a tarball on their way out: gathered in chunks, hashed and written by a second thread once there is
//! more than one chunk. Knows no tar.

use super::Seen;
use crate::error::{Error, Result};
use crate::layer::show_path;
use rbuild_oci::{Cancel, Digest, Hasher};
use std::io::{ErrorKind, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

/// Bytes per chunk, and how often a stop is looked for.
const CHUNK: usize = 256 << 10;

/// Bytes that a first chunk begins with: most layers of a RUN are smaller.
const FIRST: usize = 16 << 10;

/// Chunks on the way between the threads.
const AHEAD: usize = 3;

#[derive(Debug)]
pub(super) struct Stream<W> {
    chunk: Chunk,
    written: u64,
    cancel: Cancel,
    stage: Stage<W>,
}

/// Room for up to [`CHUNK`] bytes, which grows as it is needed, zeroed once and filled many times.
#[derive(Debug)]
struct Chunk {
    room: Vec<u8>,
    used: usize,
}

/// Who hashes and writes.
#[derive(Debug)]
enum Stage<W> {
    /// Nobody yet: all of it fits one chunk.
    Waiting(Sink<W>),
    /// A thread.
    Running(Worker<W>),
    /// Nobody any more: it failed.
    Failed,
}

#[derive(Debug)]
struct Sink<W> {
    out: W,
    hasher: Hasher,
}

/// The thread that hashes and writes; dropping it ends and joins it.
#[derive(Debug)]
struct Worker<W> {
    full: Option<SyncSender<Chunk>>,
    empty: Receiver<Chunk>,
    thread: Option<JoinHandle<Result<Sink<W>>>>,
}

impl<W: Write + Send + 'static> Stream<W> {
    pub(super) fn new(out: W, cancel: Cancel) -> Self {
        let stage = Stage::Waiting(Sink { out, hasher: Hasher::new() });
        Self { chunk: Chunk::new(), written: 0, cancel, stage }
    }

    /// Fails once a stop is asked for.
    pub(super) fn check(&self) -> Result<()> {
        Ok(self.cancel.check()?)
    }

    /// How many bytes came before.
    pub(super) fn position(&self) -> u64 {
        self.written + self.chunk.used as u64
    }

    pub(super) fn put(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let free = self.chunk.free();
            let (now, later) = bytes.split_at(bytes.len().min(free.len()));
            free[..now.len()].copy_from_slice(now);
            self.chunk.used += now.len();
            self.pass_on_if_full()?;
            bytes = later;
        }
        Ok(())
    }

    /// Zeros up to the next multiple of `block`.
    pub(super) fn pad(&mut self, block: usize) -> Result<()> {
        let over = (self.position() % block as u64) as usize;
        if over == 0 { Ok(()) } else { self.put(&vec![0; block - over]) }
    }

    /// Copies `size` bytes; false if the reader has more or fewer.
    pub(super) fn copy(&mut self, reader: &mut dyn Read, size: u64, path: &[u8], seen: &mut Seen) -> Result<bool> {
        let mut left = size;
        while left > 0 {
            let free = self.chunk.free();
            let room = (free.len() as u64).min(left) as usize;
            let read = read(reader, &mut free[..room]).map_err(Error::io("read", show_path(path)))?;
            seen.update(&free[..read]);
            self.chunk.used += read;
            self.pass_on_if_full()?;
            left -= read as u64;
            if read == 0 {
                return Ok(false);
            }
        }
        Ok(read(reader, &mut [0]).map_err(Error::io("read", show_path(path)))? == 0)
    }

    /// Where the bytes went, their digest and how many they are.
    pub(super) fn finish(mut self) -> Result<(W, Digest, u64)> {
        let (size, last) = (self.position(), std::mem::replace(&mut self.chunk, Chunk::none()));
        let sink = match std::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::Waiting(mut sink) => {
                sink.take(last.filled())?;
                sink
            }
            Stage::Running(mut worker) => {
                if !worker.send(last) {
                    return Err(worker.failure());
                }
                worker.join()?
            }
            Stage::Failed => return Err(failed_before()),
        };
        Ok((sink.out, sink.hasher.finish(), size))
    }

    fn pass_on_if_full(&mut self) -> Result<()> {
        if self.chunk.used < CHUNK {
            return Ok(());
        }
        self.cancel.check()?;
        self.written += self.chunk.used as u64;
        let mut worker = match std::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::Waiting(sink) => Worker::start(sink)?,
            Stage::Running(worker) => worker,
            Stage::Failed => return Err(failed_before()),
        };
        let next = worker.empty_chunk();
        if !worker.send(std::mem::replace(&mut self.chunk, next)) {
            return Err(worker.failure());
        }
        self.stage = Stage::Running(worker);
        Ok(())
    }
}

impl Chunk {
    fn new() -> Self {
        Self { room: vec![0; FIRST], used: 0 }
    }

    const fn none() -> Self {
        Self { room: Vec::new(), used: 0 }
    }

    fn filled(&self) -> &[u8] {
        &self.room[..self.used]
    }

    fn free(&mut self) -> &mut [u8] {
        if self.used == self.room.len() {
            self.room.resize((8 * self.used).clamp(FIRST, CHUNK), 0);
        }
        &mut self.room[self.used..]
    }
}

impl<W: Write> Sink<W> {
    fn take(&mut self, chunk: &[u8]) -> Result<()> {
        self.hasher.update(chunk);
        self.out.write_all(chunk).map_err(Error::io("write", "the layer"))
    }
}

impl<W: Write + Send + 'static> Worker<W> {
    fn start(mut sink: Sink<W>) -> Result<Self> {
        let (full, chunks) = sync_channel::<Chunk>(AHEAD);
        let (back, empty) = sync_channel::<Chunk>(AHEAD + 2);
        let work = move || {
            for mut chunk in chunks {
                sink.take(chunk.filled())?;
                chunk.used = 0;
                // Nobody may want it back: the last chunks are not filled again.
                drop(back.try_send(chunk));
            }
            Ok(sink)
        };
        let thread = std::thread::Builder::new().name("layer".to_owned()).spawn(work);
        let thread = thread.map_err(Error::io("start", "a thread that hashes the layer"))?;
        Ok(Self { full: Some(full), empty, thread: Some(thread) })
    }

    /// False if the thread has failed.
    fn send(&mut self, chunk: Chunk) -> bool {
        self.full.as_ref().is_some_and(|full| full.send(chunk).is_ok())
    }

    fn empty_chunk(&self) -> Chunk {
        match self.empty.try_recv() {
            Ok(chunk) => chunk,
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => Chunk::new(),
        }
    }

    fn join(&mut self) -> Result<Sink<W>> {
        self.full = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) | None => Err(failed_before()),
        }
    }

    /// Why the thread takes no more.
    fn failure(&mut self) -> Error {
        self.join().err().unwrap_or_else(failed_before)
    }
}

impl<W> Drop for Worker<W> {
    fn drop(&mut self) {
        self.full = None;
        if let Some(thread) = self.thread.take() {
            // Its result is of no use to a writer that is given up.
            drop(thread.join());
        }
    }
}

fn failed_before() -> Error {
    Error::io("write", "the layer")(std::io::Error::from(ErrorKind::BrokenPipe))
}

/// One read, tried again when a signal came between.
fn read(reader: &mut dyn Read, into: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match reader.read(into) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

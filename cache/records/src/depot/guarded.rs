//! A depot that nobody waits for and that fails nobody: once it is away or slow, it counts as empty for good. Knows no
//! medium.

use super::{Depot, Kind, Name, Open};
use crate::error::{Error, Result};
use rbuild_oci::{Descriptor, Digest};
use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// Stands before a depot that may be away, slow or damaged. The first call that finds it away ([`Error::is_out_of_reach`]) or slow is
/// told once, and from then on it has nothing and takes nothing. Other failures are told one by one, and what they were
/// about counts as not there; three in a row end it, too.
///
/// No call fails, but for [`Guarded::pour`](Depot::pour) when the sink refuses. A pour that gives false may have written a
/// part: only after true is what the sink has of use. A document that speaks of a blob which could not be put is not put
/// either. How long an upload waits is left to the depot behind, once that has answered something.
pub struct Guarded {
    inner: Arc<dyn Depot>,
    patience: Patience,
    warn: Box<dyn Fn(&str) + Send + Sync>,
    state: Mutex<State>,
}

/// How long a depot is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Until a document is there, or the answer that there is none.
    pub answer: Duration,
    /// Until the next bytes of a blob come.
    pub silence: Duration,
    /// The bytes a second that a blob comes with at least, measured over the time for which silence is borne.
    pub pace: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self { answer: Duration::from_secs(2), silence: Duration::from_secs(10), pace: 16 << 10 }
    }
}

#[derive(Default)]
struct State {
    is_over: bool,
    /// Whether it answered once.
    is_alive: bool,
    /// Failures since the last success.
    failures: u32,
    /// The blobs that could not be put.
    missing: BTreeSet<Digest>,
    /// How many documents and blobs were not put.
    lost: u64,
    /// What was the first to be in the way of uploads.
    failure: Option<Error>,
}

/// So many failures in a row are no accidents.
const FAILURES: u32 = 3;

/// Pieces of a blob that wait for the sink at most.
const PIECES: usize = 4;

/// A blob on its way from the thread that fetches it.
enum Piece {
    Bytes(Vec<u8>),
    End(Result<bool>),
}

impl Guarded {
    /// Stands before `inner`. `warn` is told, from the threads that call, what goes wrong.
    pub fn new(inner: Arc<dyn Depot>, patience: Patience, warn: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { inner, patience, warn: Box::new(warn), state: Mutex::default() }
    }

    /// How many documents and blobs were not put.
    pub fn lost(&self) -> u64 {
        self.state().lost
    }

    /// The first failure by which something was not put, for whom that is an error; none where nothing was lost.
    pub fn take_failure(&self) -> Option<Error> {
        let mut state = self.state();
        if state.lost == 0 { None } else { state.failure.take() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `work` gives, if it does in time. It is left to end by itself where it does not.
    fn ask<T: Send + 'static>(
        &self,
        operation: &'static str,
        name: Name,
        work: impl FnOnce(&dyn Depot) -> Result<T> + Send + 'static,
    ) -> Option<T> {
        if self.state().is_over {
            return None;
        }
        let (sender, receiver) = channel();
        let inner = self.inner.clone();
        let thread = Builder::new().spawn(move || sender.send(work(&*inner)));
        let answer = thread.map_or_else(
            |error| Ok(Err(Error::depot(self, operation, name, error))),
            |_| receiver.recv_timeout(self.patience.answer),
        );
        let answer = answer.unwrap_or_else(|_| Err(self.slow(operation, name, self.patience.answer)));
        self.settle(answer)
    }

    /// Whether uploads make sense. Before the first one a depot that never answered is asked something, as an upload, which
    /// cannot be left behind, waits longer.
    fn takes_uploads(&self) -> bool {
        if !self.state().is_alive {
            let any = Name::new(Kind::Record, Digest::of(b""));
            self.ask("look for", any, move |depot| depot.has(&any));
        }
        !self.state().is_over
    }

    fn slow(&self, operation: &'static str, subject: impl fmt::Display, waited: Duration) -> Error {
        Error::away(self, operation, subject, format!("no answer in {:.1} s", waited.as_secs_f64()))
    }

    /// The value of an answer; a failure is told.
    fn settle<T>(&self, answer: Result<T>) -> Option<T> {
        match answer {
            Ok(value) => {
                drop(self.succeed());
                Some(value)
            }
            Err(error) => {
                self.fail(error, false);
                None
            }
        }
    }

    fn succeed(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        state.is_alive = true;
        state.failures = 0;
        state
    }

    /// Takes a failure in, and tells it unless the depot is given up already.
    fn fail(&self, error: Error, is_upload: bool) {
        let mut state = self.state();
        state.failures += 1;
        let was_over = state.is_over;
        state.is_over |= state.failures >= FAILURES || error.is_out_of_reach();
        let is_over = state.is_over;
        let is_canceled = error.is_canceled();
        let text = format!("{error}; the build goes on{}", if is_over { " without this cache" } else { "" });
        if state.failure.is_none() && (is_upload || is_over) {
            state.failure = Some(error);
        }
        drop(state);
        if !was_over && !is_canceled {
            (self.warn)(&text);
        }
    }

    /// Writes what comes to `sink`; none where it stops coming, or comes too slowly.
    fn receive(&self, blob: &Descriptor, pieces: &Receiver<Piece>, sink: &mut dyn Write) -> Result<Option<bool>> {
        let (mut waited, mut bytes) = (Duration::ZERO, 0_u64);
        loop {
            let begin = Instant::now();
            let piece = pieces.recv_timeout(self.patience.silence);
            waited += begin.elapsed();
            match piece {
                Ok(Piece::End(result)) => return Ok(self.settle(result)),
                Ok(Piece::Bytes(piece)) => {
                    bytes += piece.len() as u64;
                    sink.write_all(&piece).map_err(|error| Error::depot(self, "pass on", blob.digest, error))?;
                }
                Err(RecvTimeoutError::Timeout) => bytes = 0,
                Err(RecvTimeoutError::Disconnected) => {
                    return Ok(self.settle(Err(Error::depot(self, "read", blob.digest, "it broke off"))));
                }
            }
            if waited < self.patience.silence {
                continue;
            }
            if u128::from(bytes) * 1000 < u128::from(self.patience.pace) * waited.as_millis() {
                let reason = format!("{bytes} bytes came in {:.1} s", waited.as_secs_f64());
                self.fail(Error::away(self, "read", blob.digest, reason), false);
                return Ok(None);
            }
            (waited, bytes) = (Duration::ZERO, 0);
        }
    }

    /// Takes note of something that was not put.
    fn lose(&self, blob: Option<&Descriptor>) {
        let mut state = self.state();
        state.lost += 1;
        state.missing.extend(blob.map(|blob| blob.digest));
    }
}

impl fmt::Display for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guarded({})", self.inner)
    }
}

impl Depot for Guarded {
    fn has(&self, name: &Name) -> Result<bool> {
        let name = *name;
        Ok(self.ask("look for", name, move |depot| depot.has(&name)).unwrap_or(false))
    }

    fn document(&self, name: &Name) -> Result<Option<Vec<u8>>> {
        let name = *name;
        Ok(self.ask("read", name, move |depot| depot.document(&name)).flatten())
    }

    fn put_document(&self, name: &Name, bytes: &[u8], blobs: &[Descriptor]) -> Result<()> {
        let state = self.state();
        let is_in_vain = blobs.iter().any(|blob| state.missing.contains(&blob.digest));
        drop(state);
        if is_in_vain || !self.takes_uploads() {
            self.lose(None);
            return Ok(());
        }
        match self.inner.put_document(name, bytes, blobs) {
            Ok(()) => drop(self.succeed()),
            Err(error) => {
                self.lose(None);
                self.fail(error, true);
            }
        }
        Ok(())
    }

    fn pour(&self, blob: &Descriptor, sink: &mut dyn Write) -> Result<bool> {
        if self.state().is_over {
            return Ok(false);
        }
        let (sender, pieces) = sync_channel(PIECES);
        let (inner, wanted) = (self.inner.clone(), blob.clone());
        let thread = Builder::new().spawn(move || {
            let result = inner.pour(&wanted, &mut Pipe(&sender));
            drop(sender.send(Piece::End(result)));
        });
        match thread {
            Ok(_) => Ok(self.receive(blob, &pieces, sink)?.unwrap_or(false)),
            Err(error) => {
                self.fail(Error::depot(self, "read", blob.digest, error), false);
                Ok(false)
            }
        }
    }

    fn put(&self, blob: &Descriptor, open: &Open<'_>) -> Result<bool> {
        if !self.takes_uploads() {
            self.lose(Some(blob));
            return Ok(false);
        }
        match self.inner.put(blob, open) {
            Ok(is_new) => {
                self.succeed().missing.remove(&blob.digest);
                Ok(is_new)
            }
            Err(error) => {
                self.lose(Some(blob));
                self.fail(error, true);
                Ok(false)
            }
        }
    }
}

/// Passes bytes on to the thread that waits for them.
struct Pipe<'s>(&'s SyncSender<Piece>);

impl Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.send(Piece::Bytes(bytes.to_vec()));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

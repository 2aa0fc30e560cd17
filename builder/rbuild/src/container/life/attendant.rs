//! A process that somebody attends to: what it prints goes to this process's streams, as long as anybody reads them,
//! and signals go to it. Knows no container.

use super::signals::Forwarder;
use super::stdio;
use rbuild_runner::{Output, Process, Stream};
use std::io;

/// Shows what a process prints, and hands signals on to it.
pub(crate) struct Attendant<'a> {
    /// What comes to this process.
    pub(crate) signals: &'a Forwarder,
    /// Whether anybody is to read what it prints.
    pub(crate) heard: bool,
    /// Called once the program itself runs.
    pub(crate) begun: &'a mut dyn FnMut(),
    /// Who reads it.
    pub(crate) listener: Listener,
}

impl Output for Attendant<'_> {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        if self.heard { self.listener.heard(stdio::write(stream, bytes)) } else { Ok(()) }
    }

    fn started(&mut self, process: &Process) {
        self.signals.attach(process);
    }

    fn running(&mut self) {
        (self.begun)();
    }
}

/// Whoever reads output, and may have stopped to.
#[derive(Debug, Default)]
pub(crate) struct Listener {
    is_gone: bool,
}

/// What a shell gives for a program that wrote to nobody: 128 + SIGPIPE.
const BROKEN_PIPE: u8 = 141;

impl Listener {
    /// Takes note of how writing went.
    pub(crate) fn heard(&mut self, written: io::Result<()>) -> io::Result<()> {
        self.is_gone |= written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        written
    }

    /// The shell's number for a process that failed because nobody reads any more, or because a signal came before it
    /// was there; else how it went.
    pub(crate) fn settle<E>(&self, ended: Result<u8, E>, signals: &Forwarder) -> Result<u8, E> {
        match (ended, signals.canceled_by()) {
            (Err(_), _) if self.is_gone => Ok(BROKEN_PIPE),
            (Err(_), Some(code)) => Ok(code),
            (ended, _) => ended,
        }
    }
}

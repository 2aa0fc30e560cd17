//! The outer side of a container's terminal: keystrokes in, output out, size followed. Knows no container.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, read, write};
use rustix::termios::{Winsize, isatty, tcgetwinsize, tcsetwinsize};

use super::pump::read_anew;
use crate::container::{Sizes, Terminal};
use crate::executor::{Output, Stream};
use crate::terminal::RawMode;

/// Moves bytes between a user's terminal and a container's.
#[derive(Debug)]
pub(super) struct Relay<'a> {
    terminal: &'a Terminal,
    outer: OwnedFd,
    pending: Vec<u8>,
    input_open: bool,
    hung_up: bool,
    sizes_ended: bool,
    raw: Option<RawMode>,
}

impl<'a> Relay<'a> {
    /// Takes the user's terminal (if it is one) into raw mode and gives the container's its size.
    pub(super) fn new(terminal: &'a Terminal, outer: OwnedFd) -> io::Result<Self> {
        fcntl_setfl(&outer, fcntl_getfl(&outer)? | OFlags::NONBLOCK)?;
        let input = terminal.input.as_fd();
        let raw = if isatty(input) { Some(RawMode::enter(input)?) } else { None };
        let relay =
            Self { terminal, outer, pending: Vec::new(), input_open: true, hung_up: false, sizes_ended: false, raw };
        if let Sizes::OfInput(_) = terminal.sizes {
            relay.follow_size();
        }
        Ok(relay)
    }

    /// What to poll for.
    pub(super) fn watched(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        let mut watched = Vec::new();
        if !self.hung_up {
            let wanted = if self.pending.is_empty() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
            watched.push((self.outer.as_fd(), wanted));
        }
        if self.input_open && self.pending.is_empty() {
            watched.push((self.terminal.input.as_fd(), PollFlags::IN));
        }
        watched.extend(self.sizes().map(|fd| (fd.as_fd(), PollFlags::IN)));
        watched
    }

    /// Moves what can be moved without waiting; `all` empties the container's side.
    pub(super) fn turn(&mut self, buffer: &mut Vec<u8>, output: &mut dyn Output, all: bool) -> io::Result<()> {
        if is_ready(self.sizes().map(AsFd::as_fd))? {
            self.resize(buffer)?;
        }
        if self.input_open && self.pending.is_empty() && is_ready(Some(self.terminal.input.as_fd()))? {
            let typed = read_anew(&self.terminal.input, buffer)?;
            self.input_open = !typed.is_empty();
            self.pending.extend_from_slice(typed);
        }
        self.push_input()?;
        self.pull_output(buffer, output, all)
    }

    fn push_input(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        match write(&self.outer, &self.pending) {
            Ok(sent) => drop(self.pending.drain(..sent)),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(Errno::IO) => self.pending.clear(),
            Err(errno) => return Err(errno.into()),
        }
        Ok(())
    }

    fn pull_output(&mut self, buffer: &mut Vec<u8>, output: &mut dyn Output, all: bool) -> io::Result<()> {
        loop {
            match read_anew(&self.outer, buffer) {
                Ok(bytes) if !bytes.is_empty() => output.write(Stream::Stdout, bytes)?,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => continue,
                Ok(_) | Err(Errno::IO) => {
                    // Nobody in the container has it open.
                    self.hung_up = true;
                    return Ok(());
                }
                Err(errno) => return Err(errno.into()),
            }
            if !all {
                return Ok(());
            }
        }
    }

    fn sizes(&self) -> Option<&OwnedFd> {
        match &self.terminal.sizes {
            Sizes::OfInput(told) => told.as_deref(),
            Sizes::Told(_) if self.sizes_ended => None,
            Sizes::Told(sizes) => Some(sizes),
        }
    }

    /// Takes the news of the size, or the size itself. Whoever was stopped finds the terminal as a shell left it.
    fn resize(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        match &self.terminal.sizes {
            Sizes::OfInput(None) => {}
            Sizes::OfInput(Some(told)) => {
                read_anew(told, buffer)?;
                self.raw.as_ref().map_or(Ok(()), RawMode::again)?;
                self.follow_size();
            }
            Sizes::Told(sizes) => {
                let mut size = [0; 4];
                self.sizes_ended = read(&**sizes, &mut size)? < size.len();
                let [a, b, c, d] = size;
                let (rows, columns) = (u16::from_ne_bytes([a, b]), u16::from_ne_bytes([c, d]));
                if !self.sizes_ended {
                    let _ = tcsetwinsize(&self.outer, size_of_terminal(rows, columns));
                }
            }
        }
        Ok(())
    }

    /// Where the input is no terminal, as without `-i`, the standard output may be one. A size that cannot be had leaves the
    /// container's as it is.
    fn follow_size(&self) {
        if let Ok(size) = tcgetwinsize(&*self.terminal.input).or_else(|_| tcgetwinsize(io::stdout())) {
            let _ = tcsetwinsize(&self.outer, size);
        }
    }
}

const fn size_of_terminal(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

fn is_ready(fd: Option<BorrowedFd<'_>>) -> io::Result<bool> {
    let Some(fd) = fd else { return Ok(false) };
    let mut polled = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    Ok(poll(&mut polled, Some(&Timespec::default()))? > 0)
}

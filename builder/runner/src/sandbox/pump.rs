//! Attends to a running container: moves its output to the caller, takes its reports, and notices its end. Knows no
//! step of a plan.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, read};

use super::child::Child;
use super::terminal::Relay;
use super::tolerate_gone;
use crate::channel::Channel;
use crate::container::Terminal;
use crate::error::{Error, Result};
use crate::executor::{Exit, Outcome, Output, Stream};
use crate::network::{Private, attach};
use crate::stub::Stub;
use crate::wire::Report;

/// Bytes per read, the size of a pipe.
const CHUNK: usize = 64 << 10;

/// The reading end of a stream.
#[derive(Debug)]
pub(super) struct Pipe {
    stream: Stream,
    fd: OwnedFd,
    open: bool,
}

/// All that a container is attended through.
#[derive(Debug)]
pub(super) struct Pump<'a> {
    channel: Option<Channel>,
    pipes: Vec<Pipe>,
    needs: Needs<'a>,
    relay: Option<Relay<'a>>,
    /// Keeps the helper of a private network at work until the container has ended.
    keeper: Option<Child>,
    told: Told,
    buffer: Vec<u8>,
}

/// What a container needs of its parent while it is set up.
#[derive(Debug)]
pub(super) struct Needs<'a> {
    pub(super) terminal: Option<&'a Terminal>,
    pub(super) network: Option<&'a Private>,
    /// This program, to start copies of it until the container's own runs.
    pub(super) exe: Option<OwnedFd>,
}

/// What the child reported.
#[derive(Debug, Default)]
struct Told {
    rooted: bool,
    ready: bool,
    stubs: Vec<Stub>,
    error: Option<Error>,
}

/// A container that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    exit: Exit,
    told: Told,
}

/// What poll watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watched {
    End,
    Channel,
    Pipe(usize),
    Relay,
}

impl Pipe {
    pub(super) fn new(stream: Stream, fd: OwnedFd) -> io::Result<Self> {
        fcntl_setfl(&fd, fcntl_getfl(&fd)? | OFlags::NONBLOCK)?;
        Ok(Self { stream, fd, open: true })
    }
}

impl Ended {
    /// How it went: an error when the program never ran.
    pub(super) fn into_outcome(self, out_of_memory: bool) -> Result<Outcome> {
        match (self.told.error, self.told.ready) {
            (Some(error), _) => Err(error),
            (None, true) => Ok(Outcome { exit: self.exit, stubs: self.told.stubs, out_of_memory }),
            (None, false) => Err(lost(self.exit)),
        }
    }
}

/// Reads once, in place of what was read before. Memory that nothing was ever read into costs nothing.
pub(super) fn read_anew<'b>(from: &OwnedFd, buffer: &'b mut Vec<u8>) -> rustix::io::Result<&'b [u8]> {
    buffer.clear();
    read(from, spare_capacity(buffer))?;
    Ok(buffer)
}

/// The error of a step.
pub(super) fn setup_failed(operation: &[u8], errno: i32) -> Error {
    let operation = String::from_utf8_lossy(operation).into_owned();
    Error::Setup { operation, source: io::Error::from_raw_os_error(errno) }
}

/// The error of a process that ended before it told how it went.
pub(super) fn lost(exit: Exit) -> Error {
    Error::Lost(match exit {
        Exit::Code(code) => format!("exit status {code}"),
        Exit::Signal(signal) => format!("signal {signal}"),
    })
}

impl<'a> Pump<'a> {
    pub(super) fn new(channel: Channel, pipes: Vec<Pipe>, needs: Needs<'a>) -> Self {
        let buffer = Vec::with_capacity(CHUNK);
        Self { channel: Some(channel), pipes, needs, relay: None, keeper: None, told: Told::default(), buffer }
    }

    /// Works until the container has ended and all it printed is delivered.
    pub(super) fn run(mut self, child: &mut Child, output: &mut dyn Output) -> Result<Ended> {
        let failed = |error: io::Error| Error::io("attend to", "a container", error);
        loop {
            let ready = self.wait(child).map_err(failed)?;
            let ended = ready.contains(&Watched::End);
            if ended || ready.contains(&Watched::Channel) {
                self.take_reports(child, output, ended).map_err(failed)?;
            }
            for index in 0..self.pipes.len() {
                if ended || ready.contains(&Watched::Pipe(index)) {
                    self.deliver(index, output, ended).map_err(failed)?;
                }
            }
            if let Some(relay) = self.relay.as_mut().filter(|_| ended || ready.contains(&Watched::Relay)) {
                relay.turn(&mut self.buffer, output, ended).map_err(failed)?;
            }
            if ended {
                let exit = child.wait().map_err(failed)?;
                return Ok(Ended { exit, told: self.told });
            }
        }
    }

    /// Sleeps until something is to be done. Nothing is taken from the program before its start is told.
    fn wait(&self, child: &Child) -> io::Result<Vec<Watched>> {
        let mut watched: Vec<(Watched, BorrowedFd<'_>, PollFlags)> = vec![(Watched::End, child.pidfd(), PollFlags::IN)];
        watched.extend(self.channel.iter().map(|channel| (Watched::Channel, channel.as_fd(), self.heard())));
        let open = self.pipes.iter().enumerate().filter(|(_, pipe)| pipe.open && self.told.ready);
        watched.extend(open.map(|(index, pipe)| (Watched::Pipe(index), pipe.fd.as_fd(), PollFlags::IN)));
        let relayed = self.relay.iter().filter(|_| self.told.ready).flat_map(Relay::watched);
        watched.extend(relayed.map(|(fd, flags)| (Watched::Relay, fd, flags)));
        let mut fds: Vec<PollFd<'_>> =
            watched.iter().map(|(_, fd, flags)| PollFd::from_borrowed_fd(*fd, *flags)).collect();
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready = watched.iter().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty());
        Ok(ready.map(|((what, ..), _)| *what).collect())
    }

    /// What of the channel wakes this process. A word of the child would move it to the child's own processor, where the
    /// child then stands still; the channel's end does not, and comes when the program runs or never will.
    fn heard(&self) -> PollFlags {
        let terminal = self.needs.terminal.is_none() || self.relay.is_some();
        let network = self.needs.network.is_none() || self.keeper.is_some();
        if self.told.rooted && terminal && network { PollFlags::empty() } else { PollFlags::IN }
    }

    /// Takes one report, or at the end all that are left.
    fn take_reports(&mut self, child: &Child, output: &mut dyn Output, all: bool) -> io::Result<()> {
        while let Some(channel) = &self.channel {
            match channel.next_report()? {
                None => {
                    self.channel = None;
                    // The kernel takes its time to forget a mount; now nobody waits for it.
                    self.needs.exe = None;
                    if self.told.ready && self.told.error.is_none() {
                        output.running();
                    }
                }
                Some((report, file)) => self.note(report, file, child, output)?,
            }
            if !all {
                break;
            }
        }
        Ok(())
    }

    fn note(
        &mut self,
        report: Report,
        file: Option<OwnedFd>,
        child: &Child,
        output: &mut dyn Output,
    ) -> io::Result<()> {
        match report {
            Report::Made { stub } => self.told.stubs.push(stub),
            Report::Rooted {} => self.told.rooted = true,
            Report::Terminal {} => {
                let (Some(terminal), Some(outer)) = (self.needs.terminal, file) else {
                    return Err(io::ErrorKind::InvalidData.into());
                };
                self.relay = Some(Relay::new(terminal, outer)?);
                self.go_on()?;
            }
            Report::Network {} => {
                let (Some(private), Some(exe), Some(netns)) = (self.needs.network, &self.needs.exe, file) else {
                    return Err(io::ErrorKind::InvalidData.into());
                };
                match attach(exe.as_fd(), private, netns.as_fd(), child.pidfd()) {
                    Ok(keeper) => {
                        self.keeper = Some(keeper);
                        self.go_on()?;
                    }
                    Err(error) => {
                        self.told.error.get_or_insert(error);
                        child.killer()();
                    }
                }
            }
            Report::Failed { operation, errno } => self.told.error = Some(setup_failed(&operation, errno)),
            Report::NoProgram { program, reason, code } => {
                let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
                self.told.error = Some(Error::Program { program: text(program), reason: text(reason), code });
            }
            Report::Forked { .. } | Report::Refused { .. } => return Err(io::ErrorKind::InvalidData.into()),
            Report::Ready {} => {
                self.told.ready = true;
                output.started(&child.process());
            }
        }
        Ok(())
    }

    /// Lets the child go on, if it is still there.
    fn go_on(&self) -> io::Result<()> {
        self.channel.as_ref().map_or(Ok(()), |channel| tolerate_gone(channel.go_on()))
    }

    /// Moves what is in a pipe, once or, at the end, until it is empty.
    fn deliver(&mut self, index: usize, output: &mut dyn Output, all: bool) -> io::Result<()> {
        let Some(pipe) = self.pipes.get_mut(index) else { return Ok(()) };
        while pipe.open {
            match read_anew(&pipe.fd, &mut self.buffer) {
                Ok([]) => pipe.open = false,
                Ok(bytes) => output.write(pipe.stream, bytes)?,
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno.into()),
            }
            if !all {
                break;
            }
        }
        Ok(())
    }
}

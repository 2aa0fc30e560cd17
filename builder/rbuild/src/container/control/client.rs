//! The asking side of a container's socket. Knows no terminal.

use super::by_descriptor;
use super::wire::{Ask, LONGEST, Size, Tell, Wants};
use crate::container::model::ContainerId;
use crate::container::shelf::Containers;
use crate::error::{Error, Result};
use rbuild_runner::Stream;
use std::io::{self, ErrorKind, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

/// A connection to whoever lives a container.
#[derive(Debug)]
pub struct Control {
    stream: UnixStream,
}

/// One that shows what the container prints, and its end.
#[derive(Debug)]
pub struct Attached {
    /// Whether the container has a terminal.
    pub terminal: bool,
    /// Whether what is typed reaches it.
    pub input: bool,
    stream: Arc<UnixStream>,
}

/// The way of input to an attached container.
#[derive(Clone, Debug)]
pub struct Speaker(Arc<UnixStream>);

/// What an attached container says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It printed this.
    Output(Stream, Vec<u8>),
    /// It ended, with this number.
    Ended(u8),
    /// Whoever lived it is gone, or lost patience, without a word.
    Gone,
}

impl Control {
    /// Connects to whoever lives a container; none where nobody does.
    pub fn connect(containers: &Containers, id: &ContainerId) -> Result<Option<Self>> {
        Self::open(&containers.dir(id))
    }

    /// The same, of the container in that directory.
    pub(crate) fn open(dir: &Path) -> Result<Option<Self>> {
        let (_dir, path) = match by_descriptor(dir) {
            Err(error) if error.is_not_found() => return Ok(None),
            other => other?,
        };
        match UnixStream::connect(&path) {
            Ok(stream) => Ok(Some(Self { stream })),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => Ok(None),
            Err(error) => Err(Error::io("connect to", dir.display())(error)),
        }
    }

    /// Sends the container's first process a signal by number. Fine if it has ended meanwhile.
    pub fn signal(mut self, number: i32) -> Result<()> {
        match self.ask(&Ask::Signal(number)) {
            Ok(Some(Tell::Refused(why))) => Err(Error::io("send", format!("signal {number}"))(io::Error::other(why))),
            Err(error) if !is_gone(&error) => Err(Error::io("send", format!("signal {number}"))(error)),
            _ => Ok(()),
        }
    }

    /// Keeps a container that was made with `--rm` from being removed when it ends this time.
    pub fn keep(mut self) -> Result<()> {
        match self.ask(&Ask::Keep) {
            Err(error) if !is_gone(&error) => Err(Error::io("keep", "the container")(error)),
            _ => Ok(()),
        }
    }

    /// From now on what it prints is heard, and its end; none if it has ended meanwhile.
    pub fn attach(mut self, wants: Wants) -> Result<Option<Attached>> {
        match self.ask(&Ask::Attach(wants)) {
            Ok(Some(Tell::Attached { terminal, input })) => {
                Ok(Some(Attached { terminal, input, stream: Arc::new(self.stream) }))
            }
            Ok(_) => Ok(None),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(Error::io("attach to", "the container")(error)),
        }
    }

    fn ask(&mut self, ask: &Ask) -> io::Result<Option<Tell>> {
        self.stream.write_all(&ask.encode())?;
        Tell::read(&mut self.stream)
    }
}

impl Attached {
    /// Waits for what comes next.
    pub fn hear(&self) -> Result<Heard> {
        match Tell::read(&mut &*self.stream) {
            Ok(Some(Tell::Output(stream, bytes))) => Ok(Heard::Output(stream, bytes)),
            Ok(Some(Tell::Ended(code))) => Ok(Heard::Ended(code)),
            Ok(None) => Ok(Heard::Gone),
            Err(error) if is_gone(&error) => Ok(Heard::Gone),
            Ok(Some(_)) => Err(Error::io("listen to", "the container")(io::Error::from(ErrorKind::InvalidData))),
            Err(error) => Err(Error::io("listen to", "the container")(error)),
        }
    }

    /// The way to type.
    pub fn speaker(&self) -> Speaker {
        Speaker(self.stream.clone())
    }
}

/// Readable when there is something to hear.
impl AsFd for Attached {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Speaker {
    /// Types.
    pub fn input(&self, bytes: &[u8]) -> io::Result<()> {
        bytes.chunks(LONGEST).try_for_each(|piece| self.say(&Ask::Input(piece.to_vec())))
    }

    /// Says that nothing more will be typed.
    pub fn end_input(&self) -> io::Result<()> {
        self.say(&Ask::EndOfInput)
    }

    /// Says how large the terminal is now.
    pub fn resize(&self, size: Size) -> io::Result<()> {
        self.say(&Ask::Resize(size))
    }

    /// Ends the connection: what waits to hear more hears that.
    pub fn hang_up(&self) {
        // One that is gone already is as good.
        drop(self.0.shutdown(Shutdown::Both));
    }

    fn say(&self, ask: &Ask) -> io::Result<()> {
        (&*self.0).write_all(&ask.encode())
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof)
}

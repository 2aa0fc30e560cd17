//! A container in the foreground: this process's own streams are the container's. Knows no signal but those that tell
//! of a new window size.

use super::inlets::Inlets;
use super::live::Console;
use super::null::null;
use super::stops::mind_stops;
use crate::container::model::Config;
use crate::error::{Error, Result};
use rbuild_runner::{Sizes, Stdio, Stream, Terminal};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::termios::isatty;
use signal_hook::consts::{SIGCONT, SIGWINCH};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Which streams of this process are the container's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Standard input, where the container has any.
    pub stdin: bool,
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
}

impl Shown {
    /// All three.
    pub const ALL: Self = Self { stdin: true, stdout: true, stderr: true };
}

/// This process's streams.
#[derive(Debug)]
pub(crate) struct Foreground {
    shown: Shown,
}

impl Foreground {
    pub(crate) fn new(shown: Shown) -> Self {
        Self { shown }
    }
}

impl Console for Foreground {
    fn open(&mut self, config: &Config) -> Result<(Stdio, Inlets)> {
        if config.interactive && !self.shown.stdin {
            return Inlets::open(config);
        }
        Ok((open(config)?, Inlets::default()))
    }

    fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        match stream {
            Stream::Stdout if !self.shown.stdout => Ok(()),
            Stream::Stderr if !self.shown.stderr => Ok(()),
            _ => write(stream, bytes),
        }
    }

    fn warn(&mut self, text: &str) {
        // Where that cannot be written to there is nobody left to tell.
        drop(writeln!(io::stderr(), "WARNING: {text}"));
    }
}

/// The streams that a container asks for, as this process's own. Without `-i` its input is empty.
pub(crate) fn open(config: &Config) -> Result<Stdio> {
    match (config.terminal, config.interactive) {
        (true, true) => terminal(),
        (true, false) => Ok(Stdio::Terminal(Terminal { input: Arc::new(null()?), sizes: Sizes::OfInput(None) })),
        (false, true) => input(),
        (false, false) => Ok(Stdio::Captured),
    }
}

/// Those of a program that whoever called this one attends to: at a terminal, or with this process's input.
pub(crate) fn attended(at_terminal: bool) -> Result<Stdio> {
    if at_terminal { terminal() } else { input() }
}

/// Writes all of `bytes` to this process's stream.
pub(crate) fn write(stream: Stream, mut bytes: &[u8]) -> io::Result<()> {
    let (stdout, stderr) = (io::stdout(), io::stderr());
    let fd = match stream {
        Stream::Stdout => stdout.as_fd(),
        Stream::Stderr => stderr.as_fd(),
    };
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait(fd, PollFlags::OUT)?,
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

fn terminal() -> Result<Stdio> {
    let stdin = io::stdin();
    if !isatty(&stdin) {
        return Err(Error::Usage(
            "-t with -i needs a terminal as standard input, and it is none: leave -t out".to_owned(),
        ));
    }
    mind_stops()?;
    let failed = || Error::io("watch", "the terminal's size");
    let (resized, tell) = io::pipe().map_err(failed())?;
    // After a stop a shell may have changed the mode and somebody the size.
    for signal in [SIGWINCH, SIGCONT] {
        let tell = tell.try_clone().map_err(failed())?;
        signal_hook::low_level::pipe::register(signal, OwnedFd::from(tell)).map_err(failed())?;
    }
    let input = stdin.as_fd().try_clone_to_owned().map_err(Error::io("open", "standard input"))?;
    Ok(Stdio::Terminal(Terminal { input: Arc::new(input), sizes: Sizes::OfInput(Some(Arc::new(resized.into()))) }))
}

/// This process's own input. A terminal itself stays out of the container, which could type into it: what is typed goes
/// through a pipe.
fn input() -> Result<Stdio> {
    let failed = || Error::io("open", "standard input");
    let stdin = io::stdin().as_fd().try_clone_to_owned().map_err(failed())?;
    if !isatty(&stdin) {
        return Ok(Stdio::Input(Arc::new(stdin)));
    }
    let (read, write) = io::pipe().map_err(failed())?;
    std::thread::Builder::new()
        .name("input".to_owned())
        .spawn(move || copy(&stdin, &OwnedFd::from(write)))
        .map_err(failed())?;
    Ok(Stdio::Input(Arc::new(read.into())))
}

/// Until the input ends or nobody reads it. The thread goes with the process: a terminal may never end.
fn copy(from: &OwnedFd, to: &OwnedFd) {
    let mut buffer = [0; 4096];
    loop {
        let got = match rustix::io::read(from, &mut buffer[..]) {
            Ok(0) => return,
            Ok(got) => got,
            Err(Errno::INTR) => continue,
            Err(_) => return,
        };
        let mut left = &buffer[..got];
        while !left.is_empty() {
            match rustix::io::write(to, left) {
                Ok(written) => left = &left[written..],
                Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }
}

fn wait(fd: BorrowedFd<'_>, flags: PollFlags) -> io::Result<()> {
    match poll(&mut [PollFd::from_borrowed_fd(fd, flags)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

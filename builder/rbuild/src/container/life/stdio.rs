//! The standard streams of a container: where its input comes from, where its output goes. Knows no signal but the one
//! that tells of a new window size.

use crate::container::model::Config;
use crate::error::{Error, Result};
use rbuild_runner::{Stdio, Stream, Terminal};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::isatty;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// The streams that a container asks for. Without `-i` its input is empty.
pub(crate) fn open(config: &Config) -> Result<Stdio> {
    match (config.terminal, config.interactive) {
        (true, true) => terminal(),
        (true, false) => Ok(Stdio::Terminal(Terminal { input: Arc::new(null()?), resized: None })),
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
    let failed = || Error::io("watch", "the terminal's size");
    let (resized, tell) = io::pipe().map_err(failed())?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGWINCH, OwnedFd::from(tell)).map_err(failed())?;
    let input = stdin.as_fd().try_clone_to_owned().map_err(Error::io("open", "standard input"))?;
    Ok(Stdio::Terminal(Terminal { input: Arc::new(input), resized: Some(Arc::new(resized.into())) }))
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

fn null() -> Result<OwnedFd> {
    rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(Error::io("open", "/dev/null"))
}

fn wait(fd: BorrowedFd<'_>, flags: PollFlags) -> io::Result<()> {
    match poll(&mut [PollFd::from_borrowed_fd(fd, flags)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

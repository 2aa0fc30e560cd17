//! Steps that give the process its standard streams: passed files, or a terminal of its own. Knows no program.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{CWD, FileType, Gid, Mode, OFlags, Uid, fchown, fstat, fstatfs, makedev, openat};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use super::Files;
use super::mounts::move_to;
use crate::channel::Channel;
use crate::tree::clone_tree;
use crate::wire::Report;

/// The first three passed files become the standard streams. Pipes are given to `owner`, who could not open
/// `/dev/stdout` otherwise; files that others hold too stay as they are.
pub(super) fn streams(passed: &mut Files, owner: u32) -> io::Result<()> {
    let mut take = |index: usize| passed.get_mut(index).and_then(Option::take).ok_or(Errno::BADF);
    let (stdin, stdout, stderr) = (take(0)?, take(1)?, take(2)?);
    for stream in [&stdout, &stderr] {
        if owner != 0 && FileType::from_raw_mode(fstat(stream)?.st_mode) == FileType::Fifo {
            fchown(stream, Some(Uid::from_raw(owner)), None)?;
        }
    }
    become_streams(&stdin, &stdout, &stderr)
}

/// A terminal from the container's own `/dev/pts`, also at `/dev/console`; the outer side goes to the parent, who
/// gives it the size of the user's before this goes on.
pub(super) fn console(channel: &Channel, owner: u32) -> io::Result<()> {
    let (outer, inner) = new_terminal()?;
    fchown(&inner, Some(Uid::from_raw(owner)), None::<Gid>)?;
    show_as_console(&outer)?;
    take(channel, &outer, &inner)
}

/// As [`console`], with the terminal a further one of a container that runs, and of the user that this process is.
pub(super) fn terminal(channel: &Channel) -> io::Result<()> {
    let (outer, inner) = new_terminal()?;
    take(channel, &outer, &inner)
}

/// In a container that runs, anything could stand in that place: a terminal it is only by that device number on that
/// kind of filesystem.
fn new_terminal() -> io::Result<(OwnedFd, OwnedFd)> {
    const DEVPTS: i64 = 0x1cd1;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let outer = openat(CWD, "/dev/pts/ptmx", flags, Mode::empty())?;
    if fstatfs(&outer)?.f_type != DEVPTS || fstat(&outer)?.st_rdev != makedev(5, 2) {
        return Err(Errno::NOTTY.into());
    }
    unlockpt(&outer)?;
    let inner = ioctl_tiocgptpeer(&outer, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    Ok((outer, inner))
}

fn take(channel: &Channel, outer: &OwnedFd, inner: &OwnedFd) -> io::Result<()> {
    rustix::process::ioctl_tiocsctty(inner)?;
    channel.report(&Report::Terminal {}, Some(outer.as_fd()))?;
    channel.wait()?;
    become_streams(inner, inner, inner)
}

fn show_as_console(outer: &OwnedFd) -> io::Result<()> {
    let name = rustix::pty::ptsname(outer, Vec::new())?;
    let flags = OFlags::CREATE | OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
    let place = openat(CWD, "/dev/console", flags, Mode::from_raw_mode(0o600))?;
    move_to(&clone_tree(CWD, name.as_bytes())?, &place)
}

fn become_streams(stdin: &OwnedFd, stdout: &OwnedFd, stderr: &OwnedFd) -> io::Result<()> {
    dup2_stdin(stdin)?;
    dup2_stdout(stdout)?;
    Ok(dup2_stderr(stderr)?)
}

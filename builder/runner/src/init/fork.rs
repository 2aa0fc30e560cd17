//! Steps of a process that joins a container: it enters the container's namespaces, and goes on in a child, since only
//! children are in another process namespace. Knows no mount and no user.

use std::io;
use std::os::fd::AsFd;

use rustix::io::Errno;
use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::move_into_thread_name_spaces;

use super::{Failure, Files};
use crate::channel::Channel;
use crate::namespaces::Spaces;
use crate::sys;
use crate::wire::Report;

/// Enters namespaces of the process that is the passed file of that index: all of them, or none.
pub(super) fn enter(passed: &mut Files, index: u32, spaces: Spaces) -> io::Result<()> {
    let process = passed.get_mut(index as usize).and_then(Option::take).ok_or(Errno::BADF)?;
    Ok(move_into_thread_name_spaces(process.as_fd(), spaces.kernel())?)
}

/// The child goes on, and sees none, once it is known as a child of this process's parent, with whose death it dies;
/// this process ends here with status 0.
pub(super) fn fork(channel: Option<&Channel>) -> Result<Option<i32>, Failure> {
    let channel = channel.ok_or(Errno::BADF)?;
    if let Some(child) = sys::fork_beside()? {
        channel.report(&Report::Forked { pid: child.pid.unsigned_abs() }, Some(child.pidfd.as_fd()))?;
        return Ok(Some(0));
    }
    set_parent_process_death_signal(Some(Signal::KILL))?;
    channel.wait()?;
    Ok(None)
}

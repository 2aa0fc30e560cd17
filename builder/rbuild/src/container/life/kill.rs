//! Ends a container's process at once. The supervisor sees it end and writes down how.

use crate::container::shelf::State;
use crate::error::{Error, Result};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Kills the process that the state names; fine if it is gone. The process is held while it is checked to be that one,
/// so no later one of its number is hit.
pub fn kill(state: &State) -> Result<()> {
    let State::Running { process, .. } = state else { return Ok(()) };
    let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
    let held = match pidfd_open(pid, PidfdFlags::empty()) {
        Err(Errno::SRCH) => return Ok(()),
        held => held.map_err(Error::io("open", format!("process {}", process.pid)))?,
    };
    if !process.is_alive() {
        return Ok(());
    }
    match pidfd_send_signal(&held, Signal::KILL) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(errno) => Err(Error::io("kill", format!("process {}", process.pid))(errno)),
    }
}

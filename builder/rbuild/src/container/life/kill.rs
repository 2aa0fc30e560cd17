//! Ends a container's process at once. Who lives the container sees it end and writes down how.

use crate::container::shelf::State;
use crate::error::{Error, Result};
use rustix::process::Signal;

/// Kills the process that the state names; fine if it is gone.
pub fn kill(state: &State) -> Result<()> {
    let State::Running { process: mark, .. } = state else { return Ok(()) };
    match mark.process()? {
        Some(process) => process.signal(Signal::KILL).map_err(Error::io("kill", format!("process {}", mark.pid))),
        None => Ok(()),
    }
}

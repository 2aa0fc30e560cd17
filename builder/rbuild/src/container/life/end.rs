//! How a container is brought to its end, or its end awaited, by a process that does not live it. Knows no supervisor
//! but through its socket.

use crate::args::signal;
use crate::container::control::{Attached, Control, Heard, Wants};
use crate::container::shelf::{Containers, Entry, Held, LOST, State, Status};
use crate::error::{Error, Result};
use rbuild_runner::cgroup;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::time::{Duration, Instant};

/// How a container is asked to stop; what is not said is the container's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stop {
    /// The signal's number.
    pub signal: Option<i32>,
    /// How long it may take before it is killed.
    pub timeout: Option<Timeout>,
}

/// How long somebody waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// So long.
    After(Duration),
    /// As long as it takes.
    Never,
}

/// The signal that ends a process without asking.
pub const KILL: i32 = 9;
const TERM: i32 = 15;
/// Docker's.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the container to stop, and kills it when it takes too long. Fine if it does not run.
pub fn stop(containers: &Containers, entry: &Entry, stop: Stop) -> Result<()> {
    entry.state.wake();
    let config = &entry.config;
    let own = config.stop_timeout.map_or(PATIENCE, |seconds| Duration::from_secs(seconds.into()));
    let signal = match (stop.signal, config.stop_signal.as_str()) {
        (Some(signal), _) => signal,
        (None, "") => TERM,
        (None, text) => signal::parse(text)?,
    };
    let Some(watch) = watch(containers, entry)? else { return let_go(containers, entry) };
    send(containers, entry, signal)?;
    if !ends_within(&watch, stop.timeout.unwrap_or(Timeout::After(own)))? {
        send(containers, entry, KILL)?;
        ends_within(&watch, Timeout::Never)?;
    }
    containers.wait_until_free(&config.id)
}

/// Stops the container and locks it, so that it can be started again; one made with `--rm` stays for that.
pub fn stop_and_hold(containers: &Containers, entry: &Entry, how: Stop) -> Result<Held> {
    entry.state.wake();
    Control::connect(containers, &entry.config.id)?.map_or(Ok(()), Control::keep)?;
    stop(containers, entry, how)?;
    containers.hold(&entry.config.id)?.ok_or_else(|| Error::Unfit {
        name: entry.config.name.clone(),
        reason: "was stopped, and then started or removed by another rbuild".to_owned(),
        hint: None,
    })
}

/// Sends the container's first process a signal. One that does not run is refused.
pub fn kill(containers: &Containers, entry: &Entry, signal: i32) -> Result<()> {
    entry.state.wake();
    match Control::connect(containers, &entry.config.id)? {
        Some(control) => control.signal(signal).and_then(|()| if signal == KILL { thaw(entry) } else { Ok(()) }),
        None => Err(not_running(entry)),
    }
}

/// Kills the container, if it runs, and waits for its end.
pub fn end(containers: &Containers, entry: &Entry) -> Result<()> {
    stop(containers, entry, Stop { signal: Some(KILL), timeout: Some(Timeout::Never) })
}

/// Waits until the container does not run; its exit code, 0 if it never ran.
pub fn wait(containers: &Containers, entry: &Entry) -> Result<u8> {
    let heard = match watch(containers, entry)? {
        Some(attached) => attached.hear()?,
        None => Heard::Gone,
    };
    match heard {
        Heard::Ended(code) => containers.wait_until_free(&entry.config.id).map(|()| code),
        Heard::Output(..) | Heard::Gone => end_of(containers, entry),
    }
}

/// What is written down of its end, once nobody lives it.
pub(super) fn end_of(containers: &Containers, entry: &Entry) -> Result<u8> {
    let id = &entry.config.id;
    containers.wait_until_free(id)?;
    match containers.read(id)?.map(|entry| entry.state) {
        Some(State::Exited { code, .. }) => Ok(code),
        Some(State::Created) => Ok(0),
        Some(State::Running { .. }) => Ok(LOST),
        None => Err(Error::no_container(&entry.config.name, None)),
    }
}

/// The refusal of what only a running container can do.
pub fn not_running(entry: &Entry) -> Error {
    Error::Unfit {
        name: entry.config.name.clone(),
        reason: "is not running".to_owned(),
        hint: Some(format!("rbuild start {} starts it", entry.config.name)),
    }
}

/// A connection that tells of the end.
pub(super) fn watch(containers: &Containers, entry: &Entry) -> Result<Option<Attached>> {
    match Control::connect(containers, &entry.config.id)? {
        Some(control) => control.attach(Wants::default()),
        None => Ok(None),
    }
}

/// Fine if it ended meanwhile.
fn send(containers: &Containers, entry: &Entry, signal: i32) -> Result<()> {
    Control::connect(containers, &entry.config.id)?.map_or(Ok(()), |control| control.signal(signal))?;
    thaw(entry)
}

/// A process that stands still takes no signal.
fn thaw(entry: &Entry) -> Result<()> {
    match entry.state.status() {
        Status::Paused(pid) => let_go_on(pid, entry.config.id.hex()),
        _ => Ok(()),
    }
}

/// Fine if it does not stand still any more: a signal that reached it all the same has ended it.
fn let_go_on(pid: u32, name: &str) -> Result<()> {
    match cgroup::thaw(pid, name) {
        Err(_) if !cgroup::is_frozen(pid) => Ok(()),
        done => Ok(done?),
    }
}

/// Where nobody answers, nothing runs, or will in a moment: taking the lock ends what a killed supervisor left.
fn let_go(containers: &Containers, entry: &Entry) -> Result<()> {
    containers.hold(&entry.config.id).map(drop)
}

/// Whether the container ends, or its supervisor is gone, in time.
fn ends_within(watch: &Attached, timeout: Timeout) -> Result<bool> {
    let deadline = match timeout {
        Timeout::After(time) => Some(Instant::now() + time),
        Timeout::Never => None,
    };
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut [PollFd::new(watch, PollFlags::IN)], left.as_ref()) {
            Ok(0) => return Ok(false),
            Ok(_) => return watch.hear().map(|_| true),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::io("wait for", "the container")(errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_has_ended_needs_no_thawing() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        let_go_on(pid, "gone").unwrap();
    }
}

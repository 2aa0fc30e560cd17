//! Signals of this process, handed on to the container's. Knows no terminal: what is typed at one arrives there as
//! bytes.
//!
//! The first process of a pid namespace ignores every signal that it does not handle, so `sleep` would outlive Ctrl-C.
//! What would have ended it anywhere else ends it here too.

use crate::error::{Error, Result};
use rbuild_oci::Cancel;
use rbuild_runner::{Exit, Process};
use rustix::process::Signal;
use signal_hook::consts::{SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::{Handle, Signals};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Hands signals on until it is dropped.
#[derive(Debug)]
pub(super) struct Forwarder {
    target: Arc<Mutex<Target>>,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// Whom signals are for.
#[derive(Debug)]
struct Target {
    /// Stops the work before there is a process.
    cancel: Cancel,
    process: Option<Process>,
    /// How many signals asked for an end.
    asked: u32,
    /// The signal in whose name the process, or the work before it, was ended.
    ended_by: Option<i32>,
}

const FORWARDED: [i32; 8] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT];

impl Forwarder {
    /// Begins to listen; until a process is there, a signal that asks for an end raises `cancel`. With a terminal of
    /// its own a container learns its size another way.
    pub(super) fn start(cancel: &Cancel, terminal: bool) -> Result<Self> {
        let failed = || Error::io("listen to", "signals");
        let target = Target { cancel: cancel.clone(), process: None, asked: 0, ended_by: None };
        let target = Arc::new(Mutex::new(target));
        let window = (!terminal).then_some(SIGWINCH);
        let mut signals = Signals::new(FORWARDED.into_iter().chain(window)).map_err(failed())?;
        let (handle, shared) = (signals.handle(), target.clone());
        let thread = std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || signals.forever().for_each(|signal| lock(&shared).take(signal)))
            .map_err(failed())?;
        Ok(Self { target, handle, thread: Some(thread) })
    }

    /// From now on they go to `process`.
    pub(super) fn attach(&self, process: &Process) {
        lock(&self.target).process = Some(process.clone());
    }

    /// The shell's number for the end of the process: a signal that ended it counts as the process's own death by it.
    pub(super) fn code(&self, exit: Exit) -> u8 {
        match (exit, lock(&self.target).ended_by) {
            (Exit::Signal(_), Some(signal)) => Exit::Signal(signal).code(),
            _ => exit.code(),
        }
    }

    /// The shell's number for work that ended before there was a process, if a signal ended it.
    pub(super) fn canceled_by(&self) -> Option<u8> {
        let target = lock(&self.target);
        target.ended_by.filter(|_| target.process.is_none()).map(|signal| Exit::Signal(signal).code())
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            drop(thread.join());
        }
    }
}

impl Target {
    fn take(&mut self, signal: i32) {
        let asks_for_end = matches!(signal, SIGHUP | SIGINT | SIGQUIT | SIGTERM);
        self.asked += u32::from(asks_for_end && signal != SIGHUP);
        let Some(process) = &self.process else {
            if asks_for_end {
                self.ended_by = Some(signal);
                self.cancel.cancel();
            }
            return;
        };
        const PATIENCE: u32 = 3;
        let ends = self.asked >= PATIENCE || (ends_by_default(signal) && !minds(process.pid(), signal));
        let sent = if ends { Some(Signal::KILL) } else { Signal::from_named_raw(signal) };
        if ends {
            self.ended_by = Some(signal);
        }
        if let Some(Err(error)) = sent.map(|sent| process.signal(sent)) {
            drop(super::stdio::write(
                rbuild_runner::Stream::Stderr,
                format!("rbuild: cannot hand signal {signal} on: {error}\n").as_bytes(),
            ));
        }
    }
}

/// What a process does that says nothing of the signal (signal(7)).
fn ends_by_default(signal: i32) -> bool {
    !matches!(signal, SIGCONT | SIGWINCH)
}

/// Whether a process handles, ignores or blocks a signal; one whose masks cannot be read is left to the kernel.
fn minds(pid: u32, signal: i32) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/status")) {
        Ok(status) => minded(&status, signal),
        Err(_) => true,
    }
}

/// From `/proc/PID/status` (proc_pid_status(5)).
fn minded(status: &str, signal: i32) -> bool {
    let masks = ["SigBlk:", "SigIgn:", "SigCgt:"];
    let lines = status.lines().filter_map(|line| masks.iter().find_map(|name| line.strip_prefix(name)));
    let set = lines.filter_map(|mask| u64::from_str_radix(mask.trim(), 16).ok()).fold(0, |all, mask| all | mask);
    set & (1u64 << (signal - 1)) != 0
}

fn lock(target: &Mutex<Target>) -> MutexGuard<'_, Target> {
    target.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_read() {
        let status =
            "Name:\tsh\nSigQ:\t0/1\nSigBlk:\t0000000000010000\nSigIgn:\t0000000000000004\nSigCgt:\t0000000000000002\n";
        assert!(minded(status, SIGINT) && minded(status, SIGQUIT) && minded(status, 17));
        assert!(!minded(status, SIGTERM) && !minded(status, SIGHUP));
        assert!(!minded("", SIGTERM));
    }
}

//! Signals of this process, handed on to the container's; whoever comes to the container's door is let in by the same
//! thread. Knows no terminal: what is typed at one arrives there as
//! bytes.
//!
//! The first process of a pid namespace ignores every signal that it does not handle, so `sleep` would outlive Ctrl-C.
//! What would have ended it anywhere else ends it here too.

use super::ears::Ears;
use crate::container::control::Door;
use crate::error::{Error, Result};
use rbuild_oci::Cancel;
use rbuild_runner::{Exit, Process};
use rustix::process::Signal;
use signal_hook::consts::{
    SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGSTOP, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG,
    SIGUSR1, SIGUSR2, SIGWINCH,
};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Hands signals on for as long as this process lives.
#[derive(Debug)]
pub(crate) struct Forwarder {
    target: Arc<Mutex<Target>>,
    ears: Ears,
}

/// The way to send the container's process a signal, from any thread.
#[derive(Clone, Debug)]
pub(crate) struct Signaller(Arc<Mutex<Target>>);

/// What becomes of the signals that this process gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proxy {
    /// They go on to the container.
    #[default]
    On,
    /// They do not; one that ends this process ends the container with it.
    Off,
}

/// Whom signals are for.
#[derive(Debug)]
struct Target {
    proxy: Proxy,
    /// Stops the work before there is a process.
    cancel: Cancel,
    process: Option<Process>,
    /// How many signals asked for an end.
    asked: u32,
    /// The last signal.
    last: Option<(i32, Instant)>,
    /// The signal in whose name the process, or the work before it, was ended.
    ended_by: Option<i32>,
}

const FORWARDED: [i32; 8] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT];

impl Forwarder {
    /// Begins to listen; until a process is there, a signal that asks for an end raises `cancel`. With a terminal of
    /// its own a container learns its size another way.
    pub(crate) fn start(cancel: &Cancel, terminal: bool, proxy: Proxy) -> Result<Self> {
        let target = Target { proxy, cancel: cancel.clone(), process: None, asked: 0, last: None, ended_by: None };
        let target = Arc::new(Mutex::new(target));
        let window = (!terminal).then_some(SIGWINCH);
        let shared = target.clone();
        let ears = Ears::open(FORWARDED.into_iter().chain(window), move |signal| lock(&shared).take(signal));
        Ok(Self { target, ears: ears.map_err(Error::io("listen to", "signals"))? })
    }

    /// The same thread lets in whoever comes to the container's door.
    pub(super) fn attend(&self, door: Door) -> Result<()> {
        self.ears.attend(door).map_err(Error::io("listen at", "the container's socket"))
    }

    /// From now on they go to `process`.
    pub(crate) fn attach(&self, process: &Process) {
        lock(&self.target).process = Some(process.clone());
    }

    /// The way for others.
    pub(crate) fn signaller(&self) -> Signaller {
        Signaller(self.target.clone())
    }

    /// The shell's number for the end of the process: a signal that ended it counts as the process's own death by it.
    pub(crate) fn code(&self, exit: Exit) -> u8 {
        match (exit, lock(&self.target).ended_by) {
            (Exit::Signal(_), Some(signal)) => Exit::Signal(signal).code(),
            _ => exit.code(),
        }
    }

    /// The shell's number for work that ended before there was a process, if a signal ended it.
    pub(crate) fn canceled_by(&self) -> Option<u8> {
        let target = lock(&self.target);
        target.ended_by.filter(|_| target.cancel.is_canceled()).map(|signal| Exit::Signal(signal).code())
    }
}

impl Signaller {
    /// Sends a signal by number; before there is a process, one that asks for an end stops the work.
    pub(crate) fn send(&self, number: i32) -> io::Result<()> {
        const LAST: i32 = 64;
        if !(1..=LAST).contains(&number) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no such signal"));
        }
        lock(&self.0).deliver(number)
    }
}

impl Target {
    /// Takes what came to this process.
    fn take(&mut self, signal: i32) {
        if self.is_echo(signal) {
            return;
        }
        self.asked += u32::from(asks_for_end(signal) && signal != SIGHUP);
        const PATIENCE: u32 = 3;
        let ends = self.proxy == Proxy::Off && ends_by_default(signal);
        let done = match (&self.process, ends || self.asked >= PATIENCE) {
            (Some(process), true) => {
                self.ended_by = Some(signal);
                process.signal(Signal::KILL)
            }
            (Some(_), false) if self.proxy == Proxy::Off => Ok(()),
            _ => self.deliver(signal),
        };
        // The process may be gone already.
        drop(done);
    }

    fn deliver(&mut self, signal: i32) -> io::Result<()> {
        let Some(process) = &self.process else {
            if asks_for_end(signal) {
                self.ended_by = Some(signal);
                self.cancel.cancel();
            }
            return Ok(());
        };
        let ends = ends_by_default(signal) && !process.minds(signal);
        if ends {
            self.ended_by = Some(signal);
        }
        process.send(if ends { SIGKILL } else { signal })
    }

    /// Signals that pile up are one to a process anyway (signal(7)).
    fn is_echo(&mut self, signal: i32) -> bool {
        let now = Instant::now();
        let last = self.last.replace((signal, now));
        last.is_some_and(|(before, then)| before == signal && now.duration_since(then) < ECHO)
    }
}

/// Within this, one signal is the terminal's to the whole process group and the other its copy by way of the rbuild
/// outside of the user namespace.
const ECHO: Duration = Duration::from_millis(20);

fn asks_for_end(signal: i32) -> bool {
    matches!(signal, SIGHUP | SIGINT | SIGQUIT | SIGTERM | SIGKILL)
}

/// What a process does that says nothing of the signal (signal(7)).
fn ends_by_default(signal: i32) -> bool {
    !matches!(signal, SIGCONT | SIGWINCH | SIGCHLD | SIGURG | SIGSTOP | SIGTSTP | SIGTTIN | SIGTTOU)
}

fn lock(target: &Mutex<Target>) -> MutexGuard<'_, Target> {
    target.lock().unwrap_or_else(PoisonError::into_inner)
}

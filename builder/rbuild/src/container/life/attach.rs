//! This process's streams joined to a container that another process lives: `rbuild attach`. Letting go leaves the
//! container as it is.

use super::end::{end_of, not_running, watch};
use super::stdio;
use super::stops::mind_stops;
use crate::container::control::{Attached, Control, Heard, Size, Speaker, Wants};
use crate::container::model::ContainerId;
use crate::container::shelf::{Containers, Entry};
use crate::error::{Error, Result};
use rbuild_runner::RawMode;
use rustix::io::Errno;
use rustix::termios::{isatty, tcgetwinsize};
use signal_hook::consts::{SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::Signals;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

/// How to attach.
#[derive(Clone, Debug)]
pub struct Attach {
    /// Whether what is typed goes to the container.
    pub input: bool,
    /// Whether signals do.
    pub signals: bool,
    /// What to type, at a terminal, to let go.
    pub keys: Vec<u8>,
}

/// How it came to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The container ended, with this number.
    Ended(u8),
    /// The user let go.
    Detached,
}

const SIGNALS: [i32; 8] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT];

/// Shows what the container prints until it ends or the user lets go.
pub fn attach(containers: &Containers, entry: &Entry, how: &Attach) -> Result<Left> {
    let id = &entry.config.id;
    // At a terminal they are typed.
    if how.signals && !entry.config.terminal {
        hand_on(containers.clone(), id.clone())?;
    }
    let attached = match Control::connect(containers, id)? {
        Some(control) => control.attach(Wants { stdout: true, stderr: true })?,
        None => None,
    };
    let Some(attached) = attached else { return Err(not_running(entry)) };
    let typing = how.input && attached.input;
    let at_terminal = typing && attached.terminal && isatty(io::stdin());
    if at_terminal {
        mind_stops()?;
    }
    let raw = at_terminal.then(|| RawMode::enter(io::stdin())).transpose();
    let raw = raw.map_err(Error::io("take over", "the terminal"))?.map(Arc::new);
    if attached.terminal {
        follow_size(attached.speaker(), raw.as_ref().map(Arc::downgrade).unwrap_or_default())?;
    }
    let detached = Arc::new(AtomicBool::new(false));
    if typing {
        let keys = if attached.terminal { how.keys.clone() } else { Vec::new() };
        hand_in(attached.speaker(), keys, detached.clone())?;
    }
    listen(&attached, containers, entry, &detached)
}

fn listen(attached: &Attached, containers: &Containers, entry: &Entry, detached: &AtomicBool) -> Result<Left> {
    loop {
        match attached.hear()? {
            Heard::Output(stream, bytes) => {
                stdio::write(stream, &bytes).map_err(Error::io("write to", "standard output"))?;
            }
            Heard::Ended(code) => {
                containers.wait_until_free(&entry.config.id)?;
                return Ok(Left::Ended(code));
            }
            Heard::Gone if detached.load(Ordering::Relaxed) => return Ok(Left::Detached),
            // One that is being killed may still be connected to; it does not answer.
            Heard::Gone if watch(containers, entry)?.is_some() => {
                return Err(Error::Unfit {
                    name: entry.config.name.clone(),
                    reason: "printed more than was read here, and does not wait for ever".to_owned(),
                    hint: Some(format!("rbuild logs {} has all of it", entry.config.name)),
                });
            }
            Heard::Gone => return end_of(containers, entry).map(Left::Ended),
        }
    }
}

/// Hands in what is typed, until the input ends or the keys are typed. The thread goes with the process.
fn hand_in(speaker: Speaker, keys: Vec<u8>, detached: Arc<AtomicBool>) -> Result<()> {
    let mut escape = Escape { keys, held: 0 };
    thread("input", move || {
        let (stdin, mut buffer) = (io::stdin(), [0; 4096]);
        loop {
            let got = match rustix::io::read(stdin.as_fd(), &mut buffer[..]) {
                Err(Errno::INTR) => continue,
                Ok(0) | Err(_) => return drop(speaker.end_input()),
                Ok(got) => got,
            };
            let (typed, is_done) = escape.pass(&buffer[..got]);
            if speaker.input(&typed).is_err() {
                return;
            }
            if is_done {
                detached.store(true, Ordering::Relaxed);
                return speaker.hang_up();
            }
        }
    })
}

/// Tells the size of this terminal, now and whenever it changes. The first time as if it had changed, so that programs
/// draw again.
fn follow_size(speaker: Speaker, raw: Weak<RawMode>) -> Result<()> {
    let Some(Size { rows, columns }) = size() else { return Ok(()) };
    drop(speaker.resize(Size { rows: rows.saturating_add(1), columns }));
    drop(speaker.resize(Size { rows, columns }));
    let mut changes = Signals::new([SIGWINCH, SIGCONT]).map_err(Error::io("watch", "the terminal's size"))?;
    thread("size", move || {
        for _ in changes.forever() {
            // After a stop a shell may have changed the mode. A terminal that is gone is noticed elsewhere.
            drop(raw.upgrade().map(|raw| raw.again()));
            drop(size().map(|size| speaker.resize(size)));
        }
    })
}

/// Hands signals on to the container.
fn hand_on(containers: Containers, id: ContainerId) -> Result<()> {
    let mut signals = Signals::new(SIGNALS).map_err(Error::io("listen to", "signals"))?;
    thread("signals", move || {
        for signal in signals.forever() {
            // It may have ended meanwhile.
            drop(Control::connect(&containers, &id).map(|control| control.map(|control| control.signal(signal))));
        }
    })
}

fn size() -> Option<Size> {
    let size = tcgetwinsize(io::stdin()).or_else(|_| tcgetwinsize(io::stdout())).ok()?;
    Some(Size { rows: size.ws_row, columns: size.ws_col })
}

fn thread(name: &str, act: impl FnOnce() + Send + 'static) -> Result<()> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(act);
    spawned.map(drop).map_err(Error::io("start", "a thread"))
}

/// Finds the keys in what is typed.
#[derive(Debug)]
struct Escape {
    keys: Vec<u8>,
    /// How many of them were typed just now, and held back.
    held: usize,
}

impl Escape {
    /// What goes on of `typed`, and whether the keys were complete: then what follows them is nobody's.
    fn pass(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        let mut passed = Vec::with_capacity(typed.len());
        for byte in typed {
            if self.keys.get(self.held) != Some(byte) {
                passed.extend_from_slice(&self.keys[..std::mem::take(&mut self.held)]);
            }
            if self.keys.get(self.held) == Some(byte) {
                self.held += 1;
            } else {
                passed.push(*byte);
            }
            if self.held > 0 && self.held == self.keys.len() {
                self.held = 0;
                return (passed, true);
            }
        }
        (passed, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_across_reads() {
        let show = |pieces: &[&str]| {
            let mut escape = Escape { keys: b"pq".to_vec(), held: 0 };
            let mut shown = String::new();
            for piece in pieces {
                let (passed, is_done) = escape.pass(piece.as_bytes());
                shown += &format!("{}{}", String::from_utf8(passed).unwrap(), if is_done { "!" } else { "" });
            }
            shown
        };
        assert_eq!(show(&["abc"]), "abc");
        assert_eq!(show(&["ab", "pq", "c"]), "ab!c");
        assert_eq!(show(&["abp", "qc"]), "ab!");
        assert_eq!(show(&["p", "pq"]), "p!");
        assert_eq!(show(&["p", "x", "q"]), "pxq");
        assert_eq!(Escape { keys: Vec::new(), held: 0 }.pass(b"pq"), (b"pq".to_vec(), false));
    }
}

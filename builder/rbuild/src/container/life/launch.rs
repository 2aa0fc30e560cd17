//! A container is left to a supervisor: this program again, in a session of its own, which outlives whoever started it.
//! The container's lock goes with it as its standard input; by its standard output it says how the start went. Knows no
//! step of a life.

use super::live::exit_code;
use super::null::null;
use crate::container::shelf::Held;
use crate::error::{Error, Result};
use crate::report;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a supervisor has to be told.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// The directory of the store.
    pub root: &'a Path,
    /// The storage driver that was asked for by name.
    pub driver: Option<&'a str>,
    /// The option of it that was asked for.
    pub option: Option<&'a str>,
}

/// How a start went, as a supervisor says it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Said {
    Running,
    Failed { message: String, hint: Option<String>, code: u8 },
}

impl Launch<'_> {
    /// Starts the container in the background; back when its program runs. Needs to be inside the namespace that work
    /// is done in. What kept it from starting is [`Error::Start`] with the exit code for the shell.
    pub fn start(self, held: Held) -> Result<()> {
        let id = held.id().clone();
        let failed = || Error::io("start", "a supervisor");
        // What whoever called this program left open is not held open for as long as the container lives.
        rbuild_runner::inherit_streams_only().map_err(failed())?;
        let mut command = Command::new("/proc/self/exe");
        command.arg0("rbuild").arg("--root").arg(self.root);
        for (option, value) in [("--storage-driver", self.driver), ("--storage-opt", self.option)] {
            command.args(value.iter().flat_map(|value| [option, value]));
        }
        command.args(["supervise", id.hex()]).current_dir("/");
        let lock = Stdio::from(held.into_lock());
        let mut child = command.stdin(lock).stdout(Stdio::piped()).spawn().map_err(failed())?;
        let mut line = String::new();
        if let Some(word) = child.stdout.take() {
            // Its end is not waited for: it lives as long as the container.
            BufReader::new(word).read_line(&mut line).map_err(failed())?;
        }
        match serde_json::from_str(&line) {
            Ok(Said::Running) => Ok(()),
            Ok(Said::Failed { message, hint, code }) => {
                // It is on its way out, and has let go of the container when it is gone.
                child.wait().map_err(failed())?;
                Err(Error::Start { message, hint, code })
            }
            Err(_) => {
                let ended = child.wait().map_err(failed())?;
                let message = format!("the supervisor of container {} ended before it started it: {ended}", id.short());
                Err(Error::Start { message, hint: None, code: super::FAILED })
            }
        }
    }
}

/// What a supervisor was handed.
#[derive(Debug)]
pub struct Handed {
    lock: OwnedFd,
    word: Word,
}

/// The way to tell whoever started this supervisor.
#[derive(Debug)]
pub(crate) struct Word(Option<OwnedFd>);

impl Handed {
    /// Takes what this process was given by [`Launch::start`], and a session of its own. Standard input and output lead
    /// nowhere from now on.
    pub fn take() -> Result<Self> {
        let failed = || Error::io("take over", "what a supervisor is handed");
        let own = |fd: &dyn AsFd| fd.as_fd().try_clone_to_owned();
        let (lock, word) = (own(&std::io::stdin()).map_err(failed())?, own(&std::io::stdout()).map_err(failed())?);
        let null = null()?;
        rustix::stdio::dup2_stdin(&null).map_err(|errno| failed()(errno.into()))?;
        rustix::stdio::dup2_stdout(&null).map_err(|errno| failed()(errno.into()))?;
        // One that leads a session already was started by somebody else, and is refused for its lock.
        let _ = rustix::process::setsid();
        Ok(Self { lock, word: Word(Some(word)) })
    }

    /// Says why the container was not started.
    pub fn fail(mut self, error: &Error) {
        self.word.failed(error);
    }

    pub(super) fn into_parts(self) -> (OwnedFd, Word) {
        (self.lock, self.word)
    }
}

/// An error and what caused it, in one line.
fn with_causes(error: &Error) -> String {
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        cause = error.source();
    }
    said
}

impl Word {
    /// Says that the program runs; whoever started this waits no longer, and what is said to nobody goes to a file.
    pub(super) fn running(&mut self, complaints: &Path) {
        self.say(&Said::Running);
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC;
        let file = rustix::fs::open(complaints, flags, rustix::fs::Mode::from_raw_mode(0o640));
        // On a full disk it is said to nobody.
        if let Some(place) = file.ok().or_else(|| null().ok()) {
            let _ = rustix::stdio::dup2_stderr(&place);
        }
    }

    /// Says why it never ran or, if it did, what went wrong.
    pub(super) fn failed(&mut self, error: &Error) {
        if self.0.is_none() {
            // Where that cannot be written to there is nobody left to tell.
            return drop(writeln!(std::io::stderr(), "ERROR: {error}"));
        }
        let hint = report::hints(error).into_iter().next();
        self.say(&Said::Failed { message: with_causes(error), hint, code: exit_code(error) });
    }

    /// Once; whoever started this may be gone.
    fn say(&mut self, said: &Said) {
        if let (Some(word), Ok(mut line)) = (self.0.take(), serde_json::to_vec(said)) {
            line.push(b'\n');
            drop(std::fs::File::from(word).write_all(&line));
        }
    }
}

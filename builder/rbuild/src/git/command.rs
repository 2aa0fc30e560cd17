//! Runs git: what it complains of goes to the build's log, and a raised [`Cancel`] ends it with all its helpers. Knows no
//! repository.

use super::access::Access;
use super::settings::environment;
use crate::error::{Error, Result};
use crate::events::Lines;
use rbuild_oci::Cancel;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

/// Git, for one remote.
pub struct Git<'a> {
    access: &'a Access,
    cancel: &'a Cancel,
    log: &'a (dyn Fn(&[u8]) + Sync),
}

/// Where a command runs.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// In a repository without files, which need not exist; `origin` is the remote.
    Bare(&'a Path),
    /// In a directory that is, or is to be, a repository with files.
    Files(&'a Path),
}

/// How a command ended.
#[derive(Debug)]
pub struct Outcome {
    /// Whether it did what it was told.
    pub success: bool,
    /// What it wrote.
    pub output: Vec<u8>,
    /// The last lines it complained with.
    pub complaint: String,
}

/// Lines of complaint that are kept for the error.
const KEPT: usize = 10;

impl<'a> Git<'a> {
    /// Git with that access. Each line it complains with is handed to `log`.
    pub const fn new(access: &'a Access, cancel: &'a Cancel, log: &'a (dyn Fn(&[u8]) + Sync)) -> Self {
        Self { access, cancel, log }
    }

    /// The remote.
    pub const fn access(&self) -> &Access {
        self.access
    }

    /// Until when the caller may go on.
    pub const fn cancel(&self) -> &Cancel {
        self.cancel
    }

    /// Runs a command to its end, whatever that is.
    pub fn run(&self, place: Place<'_>, arguments: &[&str]) -> Result<Outcome> {
        self.cancel.check()?;
        let mut command = self.command(place);
        let mut child = command.args(arguments).spawn().map_err(not_started)?;
        let group = Pid::from_child(&child);
        let end = self.cancel.on_cancel(move || {
            // That it is gone already is no failure.
            _ = rustix::process::kill_process_group(group, Signal::TERM);
        });
        let (output, complaint) = self.listen(&mut child)?;
        // Until it is reaped its id belongs to nobody else, so the order to end cannot hit another process.
        let exited = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        rustix::io::retry_on_intr(|| rustix::process::waitid(WaitId::Pid(group), exited))
            .map_err(Error::io("wait for", "git"))?;
        drop(end);
        let status = child.wait().map_err(Error::io("wait for", "git"))?;
        self.cancel.check()?;
        Ok(Outcome { success: status.success(), output, complaint })
    }

    /// Runs a command that must succeed, for a purpose as in "fetch"; what it wrote, without the last line end.
    pub fn must(&self, place: Place<'_>, purpose: &str, arguments: &[&str]) -> Result<String> {
        let outcome = self.run(place, arguments)?;
        if !outcome.success {
            return Err(self.failed(purpose, &outcome));
        }
        Ok(String::from_utf8_lossy(&outcome.output).trim_end().to_owned())
    }

    /// The error that an outcome stands for.
    pub fn failed(&self, purpose: &str, outcome: &Outcome) -> Error {
        let (remote, complaint) = (self.access.remote(), outcome.complaint.as_str());
        Error::Step(format!("git cannot {purpose} {remote}: {complaint}{}", self.access.hint(complaint)))
    }

    fn command(&self, place: Place<'_>) -> Command {
        let mut command = Command::new("git");
        command.env_clear().process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut own: Vec<_> = self.access.setting().into_iter().collect();
        match place {
            Place::Files(directory) => drop(command.current_dir(directory)),
            Place::Bare(directory) => {
                command.current_dir(directory.parent().unwrap_or(directory)).env("GIT_DIR", directory);
                own.push(("remote.origin.url".to_owned(), self.access.remote().to_owned()));
            }
        }
        command.envs(environment(own)).envs(self.access.variables());
        command
    }

    fn listen(&self, child: &mut Child) -> Result<(Vec<u8>, String)> {
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        std::thread::scope(|scope| {
            let complaint = scope.spawn(|| stderr.map(|stderr| self.complaint(stderr)).unwrap_or_default());
            let mut output = Vec::new();
            let read = stdout.map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut output));
            let complaint = complaint.join().unwrap_or_default();
            read.map(|_| (output, complaint)).map_err(Error::io("read", "the output of git"))
        })
    }

    fn complaint(&self, mut stderr: ChildStderr) -> String {
        let (mut lines, mut kept, mut chunk) = (Lines::default(), Vec::new(), [0; 4096]);
        let mut take = |line: &[u8]| {
            (self.log)(line);
            kept.push(String::from_utf8_lossy(line).trim().to_owned());
            kept.drain(..kept.len().saturating_sub(KEPT));
        };
        // Where reading fails the process has no one to complain to; how it ends says enough.
        while let Ok(count @ 1..) = stderr.read(&mut chunk) {
            lines.push(&chunk[..count], &mut take);
        }
        lines.finish().iter().for_each(|rest| take(rest));
        kept.retain(|line| !line.is_empty());
        kept.join("; ")
    }
}

impl std::fmt::Debug for Git<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Git").field("access", self.access).finish_non_exhaustive()
    }
}

fn not_started(error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::NotFound {
        let help = "install it (apt-get install git, apk add git, dnf install git)";
        return Error::Step(format!(
            "taking files from a repository needs the program git, which is not on PATH: {help}"
        ));
    }
    Error::io("start", "git")(error)
}

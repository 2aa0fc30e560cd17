//! Starts this program again inside a user and mount namespace of its own, or inside one that is there already. Knows no
//! container.

use std::ffi::{CString, OsString};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::pipe::{PipeFlags, pipe_with};

use super::detect::IdMapPlan;
use super::map::Range;
use crate::error::{Error, Result};
use crate::executor::{Exit, Process};
use crate::sandbox::Child;
use crate::spawn::{Beside, Gate, Spawn};

/// A copy of this program inside its namespaces. It dies with the thread that started it; dropping this kills it.
#[derive(Debug)]
pub struct Inside(Child);

impl Inside {
    /// A handle to signal it by, from any thread.
    pub fn process(&self) -> Process {
        self.0.process()
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Result<Exit> {
        self.0.wait().map_err(|error| Error::io("wait for", "the user namespace", error))
    }
}

/// Starts this program (`/proc/self/exe`) with `argv` (its own name first) and `env` in a new user and mount
/// namespace with the tables of `plan`. It is user 0 there and holds every capability over what it makes. Standard
/// streams, working directory and process group are those of this process.
pub fn spawn_inside(plan: &IdMapPlan, argv: &[OsString], env: &[(OsString, OsString)]) -> Result<Inside> {
    let (wait, go) = pipe_with(PipeFlags::CLOEXEC).map_err(|errno| failed(errno.into()))?;
    let command = Command::new(argv, env)?;
    let namespaces = (libc::CLONE_NEWUSER | libc::CLONE_NEWNS) as u64;
    let gate = Some(Gate { read: wait.as_fd(), write: go.as_fd() });
    let child = Child::spawn(&Spawn { namespaces, gate, ..command.spawn() }).map_err(|error| refused(&error))?;
    write_maps(plan, child.process().pid())?;
    std::fs::File::from(go).write_all(b"!").map_err(failed)?;
    Ok(Inside(child))
}

/// Starts this program, as [`spawn_inside`] does, inside the user namespace that `process` is in, with a mount namespace
/// of its own. It is user 0 there and holds every capability over that process and its files. Works for who made that
/// namespace and for root; a process in this program's own user namespace is refused by the kernel.
pub fn spawn_beside(process: &Process, argv: &[OsString], env: &[(OsString, OsString)]) -> Result<Inside> {
    let (told, tell) = pipe_with(PipeFlags::CLOEXEC).map_err(|errno| failed(errno.into()))?;
    let command = Command::new(argv, env)?;
    let beside = Some(Beside { process: process.pidfd(), refusal: tell.as_fd() });
    let child = Child::spawn(&Spawn { beside, ..command.spawn() }).map_err(failed)?;
    drop(tell);
    let mut errno = [0; size_of::<i32>()];
    if std::fs::File::from(told).read(&mut errno).map_err(failed)? == 0 {
        return Ok(Inside(child));
    }
    let source = io::Error::from_raw_os_error(i32::from_ne_bytes(errno));
    Err(Error::io("enter", format!("the user namespace of process {}", process.pid()), source))
}

/// This program with arguments and environment, as the kernel takes them.
struct Command {
    exe: OwnedFd,
    argv: Vec<CString>,
    env: Vec<CString>,
}

impl Command {
    fn new(argv: &[OsString], env: &[(OsString, OsString)]) -> Result<Self> {
        let exe = openat(CWD, "/proc/self/exe", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .map_err(|errno| Error::io("open", "/proc/self/exe", errno))?;
        let pair =
            |(key, value): &(OsString, OsString)| CString::new([key.as_bytes(), b"=", value.as_bytes()].concat());
        let argv = argv.iter().map(|arg| CString::new(arg.as_bytes())).collect::<std::result::Result<Vec<_>, _>>();
        let env = env.iter().map(pair).collect::<std::result::Result<Vec<_>, _>>();
        let (argv, env) = argv.and_then(|argv| Ok((argv, env?))).map_err(|error| failed(error.into()))?;
        Ok(Self { exe, argv, env })
    }

    fn spawn(&self) -> Spawn<'_> {
        let (argv, env) = (&self.argv, &self.env);
        Spawn { namespaces: 0, exe: self.exe.as_fd(), argv, env, keep: None, gate: None, beside: None, group: None }
    }
}

fn failed(error: io::Error) -> Error {
    Error::io("start", "a user namespace", error)
}

/// Why a kernel gives no user namespace.
fn refused(error: &io::Error) -> Error {
    let hint = match rustix::io::Errno::from_io_error(error) {
        Some(rustix::io::Errno::PERM) => {
            "the kernel forbids it to ordinary users (sysctl kernel.unprivileged_userns_clone, \
             kernel.apparmor_restrict_unprivileged_userns, or a seccomp filter of an outer container)"
        }
        Some(rustix::io::Errno::NOSPC | rustix::io::Errno::USERS) => "sysctl user.max_user_namespaces is reached",
        _ => "",
    };
    Error::UserNamespace(format!("{error}{}{hint}", if hint.is_empty() { "" } else { ": " }))
}

fn write_maps(plan: &IdMapPlan, pid: u32) -> Result<()> {
    match plan {
        IdMapPlan::Privileged => {
            Err(Error::Invalid("this process needs no user namespace: it is privileged already".to_owned()))
        }
        IdMapPlan::Single { uid, gid, .. } => {
            write_table(pid, "setgroups", "deny")?;
            write_table(pid, "uid_map", &format!("0 {uid} 1"))?;
            write_table(pid, "gid_map", &format!("0 {gid} 1"))
        }
        IdMapPlan::Subids { map, newuidmap, newgidmap } => {
            let users = start(newuidmap, pid, &map.uids)?;
            let groups = start(newgidmap, pid, &map.gids)?;
            finish("newuidmap", users)?;
            finish("newgidmap", groups)
        }
    }
}

fn write_table(pid: u32, file: &str, text: &str) -> Result<()> {
    let path = format!("/proc/{pid}/{file}");
    std::fs::write(&path, text).map_err(|error| Error::UserNamespace(format!("write {path}: {error}")))
}

fn start(helper: &std::path::Path, pid: u32, ranges: &[Range]) -> Result<std::process::Child> {
    let numbers = ranges.iter().flat_map(|range| [range.inside, range.outside, range.count]);
    std::process::Command::new(helper)
        .arg(pid.to_string())
        .args(numbers.map(|number| number.to_string()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Error::io("run", helper.display().to_string(), error))
}

fn finish(name: &str, helper: std::process::Child) -> Result<()> {
    let done = helper.wait_with_output().map_err(|error| Error::io("wait for", name, error))?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(Error::UserNamespace(format!("{name} failed: {} (is it set-user-id root?)", said.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::EXIT_NOT_STARTED;

    #[test]
    fn a_child_whose_gate_nobody_opens_ends() {
        let exe = openat(CWD, "/proc/self/exe", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let (wait, go) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let gate = Some(Gate { read: wait.as_fd(), write: go.as_fd() });
        let (exe, argv) = (exe.as_fd(), &[CString::from(c"--version")]);
        let spawn = Spawn { namespaces: 0, exe, argv, env: &[], keep: None, gate, beside: None, group: None };
        let mut child = Child::spawn(&spawn).unwrap();
        drop(go);
        assert_eq!(child.wait().unwrap(), Exit::Code(EXIT_NOT_STARTED as u8));
    }
}

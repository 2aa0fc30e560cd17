//! Pid 1 of a container as its parent holds it: started, killed, waited for. Dropping it leaves no process behind.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};

use crate::channel::Channel;
use crate::executor::{Exit, Process};
use crate::init::INIT_NAME;
use crate::plan::Namespaces;
use crate::spawn::Spawn;
use crate::sys;

/// A process that has to be waited for.
#[derive(Debug)]
pub(crate) struct Child {
    pid: i32,
    pidfd: Arc<OwnedFd>,
    exit: Option<Exit>,
}

/// What every container has of its own.
const ALWAYS: i32 = libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;

impl Child {
    /// Starts `exe` as a container's first process, in that control group; it finds its plan in `channel`.
    pub(crate) fn start(
        exe: BorrowedFd<'_>,
        namespaces: Namespaces,
        group: Option<BorrowedFd<'_>>,
        channel: &Channel,
    ) -> io::Result<Self> {
        let network = if namespaces.network { libc::CLONE_NEWNET } else { 0 };
        let cgroup = if namespaces.cgroup { libc::CLONE_NEWCGROUP } else { 0 };
        Self::init(exe, (ALWAYS | network | cgroup) as u64, group, channel)
    }

    /// Starts `exe` to join a container; it finds its plan in `channel`.
    pub(crate) fn start_joining(exe: BorrowedFd<'_>, channel: &Channel) -> io::Result<Self> {
        Self::init(exe, 0, None, channel)
    }

    /// A process that another child of this program made, and that this program has to wait for.
    pub(crate) fn adopt(pid: u32, pidfd: OwnedFd) -> Self {
        Self { pid: pid.cast_signed(), pidfd: Arc::new(pidfd), exit: None }
    }

    fn init(
        exe: BorrowedFd<'_>,
        namespaces: u64,
        group: Option<BorrowedFd<'_>>,
        channel: &Channel,
    ) -> io::Result<Self> {
        let number = CString::new(channel.as_fd().as_raw_fd().to_string())?;
        Self::spawn(&Spawn {
            namespaces,
            exe,
            argv: &[INIT_NAME.to_owned(), number],
            env: &[],
            keep: Some(channel.as_fd()),
            gate: None,
            beside: None,
            group,
        })
    }

    /// Starts any program.
    pub(crate) fn spawn(spawn: &Spawn<'_>) -> io::Result<Self> {
        let spawned = sys::spawn(spawn)?;
        Ok(Self { pid: spawned.pid, pidfd: Arc::new(spawned.pidfd), exit: None })
    }

    /// A handle for others.
    pub(crate) fn process(&self) -> Process {
        Process::new(self.pid.unsigned_abs(), self.pidfd.clone())
    }

    /// Readable once the process has ended.
    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// An action that kills it.
    pub(crate) fn killer(&self) -> impl FnOnce() + Send + 'static {
        let pidfd = self.pidfd.clone();
        move || {
            // Fails only when the process has ended, which is what is wanted.
            let _ = pidfd_send_signal(&pidfd, Signal::KILL);
        }
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> io::Result<Exit> {
        if let Some(exit) = self.exit {
            return Ok(exit);
        }
        let status = loop {
            match waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED) {
                Err(rustix::io::Errno::INTR) => {}
                other => break other?.ok_or(rustix::io::Errno::CHILD)?,
            }
        };
        let exit = match status.terminating_signal() {
            Some(signal) => Exit::Signal(signal),
            None => Exit::Code(status.exit_status().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)),
        };
        self.exit = Some(exit);
        Ok(exit)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.exit.is_none() {
            self.killer()();
            // Nothing can be done about a process that cannot be waited for; it was killed.
            let _ = self.wait();
        }
    }
}

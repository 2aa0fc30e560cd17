//! A process that waits for this one to die without a word, and then does one thing: whoever kills this program with
//! KILL leaves nobody's terminal in raw mode, and no container running that changed its user and thereby slipped its
//! parent-death signal. It has this program's memory, no file but the two it needs, and a session of its own.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};

use crate::executor::Process;
use crate::sys::{self, Duty};

/// Watches over something until it is dropped.
#[derive(Debug)]
pub struct Guard {
    pidfd: OwnedFd,
    /// The end of this pipe tells it that this process is gone.
    _word: OwnedFd,
}

impl Guard {
    /// Kills the process if this one dies first.
    pub fn killing(process: &Process) -> io::Result<Self> {
        Self::on(&Duty::Kill { pidfd: process.pidfd() })
    }

    /// Gives the terminal the mode that it has now if this process dies first.
    pub(crate) fn restoring(terminal: BorrowedFd<'_>) -> io::Result<Self> {
        let mode = sys::terminal_mode(terminal)?;
        Self::on(&Duty::Restore { terminal, mode: &mode })
    }

    fn on(duty: &Duty<'_>) -> io::Result<Self> {
        let (ear, word) = pipe_with(PipeFlags::CLOEXEC)?;
        let spawned = sys::guard(duty, ear.as_fd())?;
        Ok(Self { pidfd: spawned.pidfd, _word: word })
    }

    /// Ends it, as all is well; it is waited for when this is dropped. A signal wakes it at once, where a byte in a pipe
    /// would let it wait for this process to sleep.
    pub fn dismiss(&mut self) {
        // Fails only where it has ended.
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.dismiss();
        while let Err(Errno::INTR) = waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED) {}
    }
}

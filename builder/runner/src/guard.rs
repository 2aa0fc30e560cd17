//! A process that waits for this one to die without a word, and then does one thing: whoever kills this program with
//! KILL leaves nobody's terminal in raw mode, and no container running that changed its user and thereby slipped its
//! parent-death signal. It has this program's memory, no file but the two it needs, and a session of its own.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{WaitId, WaitIdOptions, waitid};

use crate::executor::Process;
use crate::sys::{self, Duty};

/// Watches over something until it is dropped.
#[derive(Debug)]
pub struct Guard {
    pidfd: OwnedFd,
    /// A byte means that all is well; end of file, that this process is gone.
    word: io::PipeWriter,
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
        Ok(Self { pidfd: spawned.pidfd, word: word.into() })
    }

    /// Tells it that all is well, and that it may end.
    pub fn dismiss(&mut self) {
        // A guard that was killed hears nothing, and is collected all the same; one that was dismissed wants no more.
        drop(self.word.write_all(b"."));
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.dismiss();
        // One that has not got as far yet is nobody's to wait for: this process ends soon after what was watched over.
        let _ = waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
    }
}

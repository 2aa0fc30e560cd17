//! A user's terminal in raw mode. Knows no container.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::process::getpgrp;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

use crate::guard::Guard;

/// A terminal in raw mode. Dropping this restores the mode before; so does the death of this process, however it comes.
#[derive(Debug)]
pub struct RawMode {
    terminal: OwnedFd,
    before: Termios,
    _guard: Guard,
}

impl RawMode {
    /// Takes the terminal into raw mode.
    pub fn enter(terminal: impl AsFd) -> io::Result<Self> {
        let terminal = terminal.as_fd().try_clone_to_owned()?;
        let before = tcgetattr(&terminal)?;
        let guard = Guard::restoring(terminal.as_fd())?;
        let raw = Self { terminal, before, _guard: guard };
        raw.again()?;
        Ok(raw)
    }

    /// Takes it there again, after a shell changed its mode while this process was stopped. In the background it stays as
    /// it is: whoever sets a mode there is stopped.
    pub fn again(&self) -> io::Result<()> {
        if is_background(&self.terminal) {
            return Ok(());
        }
        let mut raw = self.before.clone();
        raw.make_raw();
        Ok(tcsetattr(&self.terminal, OptionalActions::Now, &raw)?)
    }
}

/// Whether another process group has the terminal: whoever sets its mode then is stopped (SIGTTOU). No where that cannot
/// be told.
pub fn is_background(terminal: impl AsFd) -> bool {
    tcgetpgrp(terminal).is_ok_and(|group| group != getpgrp())
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // A terminal that is gone has no mode to restore.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

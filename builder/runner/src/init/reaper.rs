//! Pid 1 of a container that asked for one (`--init`): starts the program as its child, hands signals on, collects
//! orphans and ends as the program ends. Knows nothing of how the container was set up.

use std::io;

use rustix::process::{Pid, WaitOptions, WaitStatus, setpgid, wait};

use crate::executor::Exit;
use crate::sys;

/// Splits off the child, which goes on to be the program and sees `None`; the parent sees the child's number.
pub(super) fn split() -> io::Result<Option<i32>> {
    sys::block_signals();
    let child = sys::fork()?;
    if child.is_none() {
        setpgid(None, None)?;
        foreground();
        sys::default_signals();
    }
    Ok(child)
}

/// Where the streams are a terminal, its signals must reach the program and not the reaper.
fn foreground() {
    let stdin = std::io::stdin();
    if rustix::termios::isatty(&stdin) {
        // SIGTTOU is blocked here, so that the terminal accepts this from the background. Without it Ctrl-C still
        // reaches the program through the reaper.
        let _ = rustix::termios::tcsetpgrp(&stdin, rustix::process::getpgrp());
    }
}

/// Serves as pid 1 until `child` ends; its exit status.
pub(super) fn attend(child: i32) -> i32 {
    loop {
        match sys::next_signal() {
            libc::SIGCHLD => {
                if let Some(exit) = reap(child) {
                    return i32::from(exit.code());
                }
            }
            signal if signal > 0 => sys::kill(child, signal),
            _ => {}
        }
    }
}

/// Collects every process that ended; how the program did, if it was among them.
fn reap(child: i32) -> Option<Exit> {
    let mut ended = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if Some(pid) == Pid::from_raw(child) {
            ended = Some(exit_of(status));
        }
    }
    ended
}

fn exit_of(status: WaitStatus) -> Exit {
    match status.terminating_signal() {
        Some(signal) => Exit::Signal(signal),
        None => Exit::Code(status.exit_status().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)),
    }
}

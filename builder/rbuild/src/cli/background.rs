//! Work that goes on when the command line has returned: this program again, in a session of its own, with the same
//! arguments. It tells when it has begun; until then what goes wrong is said, and counts, as if it were this process's.

use crate::container::null;
use crate::error::{Error, Result};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

/// The name by which the copy knows its task.
const NAME: &str = "rbuild-background";

/// Whether this process is the copy.
pub(super) fn is_this() -> bool {
    std::env::args_os().next().is_some_and(|name| name == NAME)
}

/// Starts the copy and gives the exit code: 0 once it has begun.
pub(super) fn start() -> Result<ExitCode> {
    let failed = || Error::io("go on", "in the background");
    let mut copy = Command::new("/proc/self/exe")
        .arg0(NAME)
        .args(std::env::args_os().skip(1))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed())?;
    let mut said = Vec::new();
    if let Some(stdout) = &mut copy.stdout {
        stdout.read_to_end(&mut said).map_err(failed())?;
    }
    if !said.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let code = copy.wait().map_err(failed())?.code();
    Ok(ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)))
}

/// In the copy: leaves the caller's session.
pub(super) fn leave() -> Result<()> {
    rustix::process::setsid().map(drop).map_err(Error::io("leave", "the session"))
}

/// In the copy: tells that the work has begun, and lets go of the caller's streams.
pub(super) fn begun() -> Result<()> {
    let mut out = std::io::stdout().lock();
    // A caller that is gone has lost interest, not the work its reason.
    drop(out.write_all(b"begun\n").and_then(|()| out.flush()));
    let null = null()?;
    let letting_go = rustix::stdio::dup2_stdout(&null).and_then(|()| rustix::stdio::dup2_stderr(&null));
    letting_go.map_err(Error::io("let go of", "the caller's streams"))
}

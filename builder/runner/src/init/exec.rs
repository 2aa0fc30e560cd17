//! The last step: this process becomes the program. Knows no mount and no user.

use std::convert::Infallible;
use std::ffi::CString;
use std::io;

use rustix::fs::{FileType, stat};
use rustix::io::Errno;

use super::{Failure, c_string};
use crate::channel::Channel;
use crate::sys;
use crate::wire::Report;

/// Tries each candidate in order; one that is missing or not executable is passed over for the next.
pub(super) fn exec(
    channel: &Channel,
    argv: &[Vec<u8>],
    env: &[Vec<u8>],
    candidates: &[Vec<u8>],
) -> Result<Infallible, Failure> {
    let program = argv.first().cloned().unwrap_or_default();
    let (argv, env) = (c_strings(argv)?, c_strings(env)?);
    let looked_up = !program.contains(&b'/');
    let mut refused = None;
    sys::close_on_exec_from(3)?;
    channel.report(&Report::Ready {}, None)?;
    for candidate in candidates {
        let error = sys::execve(&c_string(candidate)?, &argv, &env);
        match Errno::from_io_error(&error) {
            Some(Errno::NOENT | Errno::NOTDIR) if is_missing(candidate) => {}
            Some(Errno::ACCESS) if looked_up => refused = Some((candidate, error)),
            _ => return Err(cannot_start(program, candidate, &error)),
        }
    }
    Err(match refused {
        Some((candidate, error)) => cannot_start(program, candidate, &error),
        None => missing(program, looked_up),
    })
}

fn c_strings(strings: &[Vec<u8>]) -> io::Result<Vec<CString>> {
    strings.iter().map(|string| c_string(string)).collect()
}

/// ENOENT for a file that is there means that its interpreter is not.
fn is_missing(candidate: &[u8]) -> bool {
    stat(candidate).is_err()
}

fn missing(program: Vec<u8>, looked_up: bool) -> Failure {
    let reason = if looked_up { "executable file not found in $PATH" } else { "no such file or directory" };
    Failure::NoProgram { program, reason: reason.to_owned(), code: 127 }
}

fn cannot_start(program: Vec<u8>, candidate: &[u8], error: &io::Error) -> Failure {
    let place = String::from_utf8_lossy(candidate).into_owned();
    let is_directory = stat(candidate).is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::Directory);
    let (reason, code) = match Errno::from_io_error(error) {
        Some(Errno::NOENT) => (format!("{place} is there but its interpreter is not (no such file or directory)"), 127),
        Some(Errno::ACCESS) if is_directory => (format!("{place} is a directory"), 126),
        Some(Errno::ACCESS) => (format!("permission denied on {place}"), 126),
        Some(Errno::NOEXEC) => (format!("exec format error in {place} (another architecture, or no #! line)"), 126),
        _ => (format!("{place}: {error}"), 126),
    };
    Failure::NoProgram { program, reason, code }
}

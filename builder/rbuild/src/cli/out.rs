//! Text for standard output and standard error. Knows no verb.

use crate::error::{Error, Result};
use crate::report::{self, Look, Report};
use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

/// Writes to standard output; fine if nobody reads it any more, as behind `| head`.
pub(super) fn print(text: &str) -> Result<()> {
    print_bytes(text.as_bytes())
}

/// The same for what need not be text, as names of files.
pub(super) fn print_bytes(text: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(Error::io("write to", "standard output")),
    }
}

/// Writes to standard error; where that cannot be written to there is nobody left to tell.
pub(super) fn complain(text: &str) {
    drop(std::io::stderr().lock().write_all(text.as_bytes()));
}

/// Shows a report on standard error, as wide and as colourful as the terminal it goes to.
pub(super) fn complain_of(report: &Report) {
    complain(&report.on(look()));
}

/// How the process ends after an attempt; what kept it from being carried out is said, and counts as `number` says.
pub(super) fn ended(attempt: Result<ExitCode>, number: impl Fn(&Error) -> u8) -> ExitCode {
    attempt.unwrap_or_else(|error| {
        complain_of(&report::plain(&error));
        ExitCode::from(number(&error))
    })
}

fn look() -> Look {
    let stderr = std::io::stderr();
    if !stderr.is_terminal() {
        return Look::PLAIN;
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let columns = rustix::termios::tcgetwinsize(&stderr).map_or(0, |size| usize::from(size.ws_col));
    let color = set("NO_COLOR").is_none() && set("TERM").is_none_or(|term| term != "dumb");
    Look { columns: if columns == 0 { Look::PLAIN.columns } else { columns }, color }
}

/// The error for a `--format` that is none.
pub(super) fn format_error(problem: &crate::render::Problem) -> Error {
    Error::Usage(format!("--format: {problem}"))
}

/// A full name as people write it: `app:latest`.
pub(super) fn familiar(reference: &str) -> String {
    reference.parse::<rbuild_oci::Reference>().map_or_else(|_| reference.to_owned(), |parsed| parsed.familiar())
}

//! `rbuild lock`: what the names and addresses of a Dockerfile mean now, written beside it. Builds nothing.

use super::globals::Globals;
use super::look::Look;
use super::out::{complain_of, print};
use crate::args::BuildArgs;
use crate::error::{Error, Result};
use crate::lock::{Lock, moved};
use crate::report;
use crate::request::lock_path;
use clap::Args;
use dockerfile_parser::lint::Linter;
use std::process::ExitCode;

/// Write the digests of all images, URLs and repositories that a Dockerfile names to rbuild.lock, for `build --locked`
#[derive(Args, Clone, Debug)]
pub(super) struct LockArgs {
    /// Only say what is not as it is locked, and fail where anything is not
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    build: BuildArgs,
}

/// Writes the file, or compares.
pub(super) fn run(args: &LockArgs, globals: &Globals) -> Result<ExitCode> {
    if args.build.locked {
        return Err(Error::Usage("--locked is for builds: leave it out".to_owned()));
    }
    let path = lock_path(&args.build)?;
    let known = Lock::read_if_there(path.clone())?;
    if args.check && known.is_none() {
        return Lock::read(path).map(|_| ExitCode::FAILURE);
    }
    let mut look = Look::new(&args.build, globals)?;
    look.request.graph.all_stages = look.request.graph.target.is_none();
    match look.lock(Lock::new(path.clone()), &mut Linter::default()) {
        Ok(lock) => tell(args.check, &known.unwrap_or_else(|| Lock::new(path)), &lock),
        Err(error) => {
            let file = &look.request.dockerfile;
            complain_of(&report::with_source(&error, &file.name, &file.bytes));
            Ok(report::exit_code(&error))
        }
    }
}

fn tell(check: bool, known: &Lock, lock: &Lock) -> Result<ExitCode> {
    let changes = moved(known, lock);
    let mut text: String = changes.iter().map(|moved| format!("{moved}\n")).collect();
    if check {
        print(&text)?;
        return Ok(if changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let written = if lock.write()? { "written" } else { "as it was" };
    text.push_str(&format!("{}: {written}\n", lock.name()));
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

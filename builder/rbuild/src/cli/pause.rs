//! `rbuild pause` and `unpause`: all processes of containers stopped at once by the freezer of their control group, and
//! let go on. Needs no user namespace: a group is the machine's.

use super::each::each;
use super::globals::Globals;
use crate::container::{Containers, Entry, Status, not_running};
use crate::error::{Error, Result};
use clap::Args;
use rbuild_runner::cgroup;
use std::process::ExitCode;

/// Stop all processes of containers where they are
#[derive(Args, Clone, Debug)]
pub struct PauseArgs {
    /// Containers
    #[arg(value_name = "CONTAINER", required = true)]
    pub names: Vec<String>,
}

/// Let the processes of paused containers go on
#[derive(Args, Clone, Debug)]
pub struct UnpauseArgs {
    /// Containers
    #[arg(value_name = "CONTAINER", required = true)]
    pub names: Vec<String>,
}

/// Stops them.
pub fn run(args: &PauseArgs, globals: &Globals) -> Result<ExitCode> {
    let containers = Containers::new(&globals.store()?);
    each(&args.names, |name| {
        let entry = containers.find(name)?;
        match entry.state.status() {
            Status::Running(pid) => cgroup::freeze(pid, entry.config.id.hex()).map_err(|error| unfit(&entry, error))?,
            Status::Paused(_) => return Err(is(&entry, "is already paused")),
            Status::Created | Status::Exited(_) | Status::Lost => return Err(not_running(&entry)),
        }
        Ok(format!("{name}\n"))
    })
}

/// Lets them go on.
pub fn unpause(args: &UnpauseArgs, globals: &Globals) -> Result<ExitCode> {
    let containers = Containers::new(&globals.store()?);
    each(&args.names, |name| {
        let entry = containers.find(name)?;
        match entry.state.status() {
            Status::Paused(pid) => cgroup::thaw(pid, entry.config.id.hex())?,
            _ => return Err(is(&entry, "is not paused")),
        }
        Ok(format!("{name}\n"))
    })
}

fn is(entry: &Entry, reason: &str) -> Error {
    Error::Unfit { name: entry.config.name.clone(), reason: reason.to_owned(), hint: None }
}

/// Of a group that cannot be had, why.
fn unfit(entry: &Entry, error: rbuild_runner::Error) -> Error {
    match error {
        rbuild_runner::Error::NoFreezer(why) => is(entry, &format!("cannot be paused: {why}")),
        error => error.into(),
    }
}

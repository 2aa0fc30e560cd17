//! A configuration as a process that joins a container. Starts nothing.

use crate::container::life::plan::{confinement, environment, limits};
use crate::container::model::Config;
use crate::error::Result;
use rbuild_runner::users::Account;
use rbuild_runner::{Caps, IdMap, Joining, Process, Stdio};
use std::path::PathBuf;

/// What the configuration does not say.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) process: &'a Process,
    pub(super) cgroups: Vec<PathBuf>,
    pub(super) privileged: bool,
    pub(super) account: Account,
    pub(super) stdio: Stdio,
    pub(super) ids: &'a IdMap,
}

/// The process. With every capability it still has the container's own filter of system calls, as with Docker.
pub(super) fn joining(config: &Config, parts: Parts<'_>) -> Result<Joining> {
    let mut confinement = confinement(config)?;
    if parts.privileged {
        confinement.caps = Caps::ALL;
    }
    Ok(Joining {
        process: parts.process.clone(),
        cgroups: parts.cgroups,
        argv: config.argv.iter().map(|word| word.clone().into_bytes()).collect(),
        env: environment(config, &parts.account.home),
        cwd: config.cwd.clone().into_bytes(),
        user: parts.account.user,
        confinement,
        stdio: parts.stdio,
        limits: limits(config)?,
        ids: parts.ids.clone(),
    })
}

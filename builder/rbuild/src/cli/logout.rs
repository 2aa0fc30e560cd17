//! `rbuild logout`: forgets what `rbuild login` kept.

use super::globals::Globals;
use super::login::{registry, wallet};
use super::out::print;
use crate::error::Result;
use clap::Args;
use rbuild_oci::Cancel;
use std::process::ExitCode;

/// Forget the login to a registry
#[derive(Args, Clone, Debug)]
pub(super) struct LogoutArgs {
    /// Registry, HOST[:PORT] [default: docker.io]
    #[arg(value_name = "HOST")]
    pub(super) host: Option<String>,
}

/// Forgets it; that there is none is no failure.
pub(super) fn run(args: &LogoutArgs, _: &Globals) -> Result<ExitCode> {
    let registry = registry(args.host.as_deref())?;
    let had = wallet()?.forget(&registry, &Cancel::new())?;
    print(&if had {
        format!("Removing login credentials for {registry}\n")
    } else {
        format!("Not logged in to {registry}\n")
    })?;
    Ok(ExitCode::SUCCESS)
}

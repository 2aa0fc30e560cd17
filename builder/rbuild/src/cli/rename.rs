//! `rbuild rename`: another name for a container.

use super::globals::Globals;
use crate::container::Containers;
use crate::error::Result;
use clap::Args;
use std::process::ExitCode;

/// Give a container another name
#[derive(Args, Clone, Debug)]
pub struct RenameArgs {
    /// Container, by name or id
    #[arg(value_name = "CONTAINER")]
    pub container: String,
    /// The new name
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// Renames it.
pub fn run(args: &RenameArgs, globals: &Globals) -> Result<ExitCode> {
    let store = globals.store()?;
    let containers = Containers::new(&store);
    containers.rename(&containers.find(&args.container)?.config.id, &args.name)?;
    Ok(ExitCode::SUCCESS)
}

//! `rbuild export`: all files of a container in a tarball.

use super::globals::Globals;
use super::ground::stand;
use crate::container::{self, Containers};
use crate::error::Result;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Write all files of a container into a tarball
#[derive(Args, Clone, Debug)]
pub struct ExportArgs {
    /// Container, by name or id
    #[arg(value_name = "CONTAINER")]
    pub container: String,
    /// File to write [default: standard output]
    #[arg(short, long, value_name = "FILE", default_value = "-", hide_default_value = true)]
    pub output: PathBuf,
}

/// Writes the tarball; volumes and other mounts are not in it.
pub fn run(args: &ExportArgs, globals: &Globals) -> Result<ExitCode> {
    let store = globals.store()?;
    let entry = Containers::new(&store).find(&args.container)?;
    stand(globals, store, |ground| {
        container::export(ground.ctx(), &entry, &args.output)?;
        Ok(ExitCode::SUCCESS)
    })
}

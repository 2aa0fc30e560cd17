//! `rbuild export`: all files of a container in a tarball.

use super::globals::{Globals, Standing};
use super::ground::Ground;
use super::signals::cancel_on_signal;
use crate::container::{self, Containers};
use crate::ctx::Place;
use crate::error::Result;
use clap::Args;
use rbuild_oci::Cancel;
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
    let standing = Standing::find()?;
    if standing.place == Place::Outside {
        return standing.start_again(store.root(), None);
    }
    let ground = Ground::new(globals, store, standing, Cancel::new())?;
    let _watch = cancel_on_signal(&ground.cancel)?;
    container::export(ground.ctx(), &entry.config, &args.output)?;
    Ok(ExitCode::SUCCESS)
}

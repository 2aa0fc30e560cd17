//! `rbuild supervise`: what rbuild starts by itself to live a container in the background. Not for people.

use super::globals::{Globals, Standing};
use super::ground::Ground;
use crate::container::{self, ContainerId, Handed};
use crate::error::{Error, Result};
use clap::Args;
use rbuild_oci::Cancel;
use std::process::ExitCode;

/// Live a container that was handed over (rbuild starts this itself)
#[derive(Args, Clone, Debug)]
#[command(hide = true)]
pub struct SuperviseArgs {
    /// The container's id, whole
    #[arg(value_name = "ID")]
    pub id: String,
}

/// Lives the container to its end.
pub fn run(args: &SuperviseArgs, globals: &Globals) -> Result<ExitCode> {
    let id =
        ContainerId::parse(&args.id).ok_or_else(|| Error::Usage(format!("{:?} is no id of a container", args.id)))?;
    let handed = Handed::take()?;
    let ground = || Ground::new(globals, globals.store()?, Standing::find()?, Cancel::new());
    match ground() {
        Ok(ground) => Ok(ExitCode::from(container::supervise(ground.ctx(), handed, &id, ground.volumes()))),
        Err(error) => {
            handed.fail(&error);
            Ok(ExitCode::from(container::FAILED))
        }
    }
}

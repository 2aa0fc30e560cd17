//! `rbuild top`: the processes of a container.

use super::globals::Globals;
use super::out::print;
use crate::container::{Containers, Running, top};
use crate::ctx::{Clock, SystemClock};
use crate::error::Result;
use clap::Args;
use std::process::ExitCode;

/// Show the processes of a container
#[derive(Args, Clone, Debug)]
#[command(override_usage = "rbuild top CONTAINER [PS OPTION]...")]
pub struct TopArgs {
    /// Container: name, id or the start of an id
    #[arg(value_name = "CONTAINER")]
    pub container: String,
    /// Options of ps(1) that choose columns: -ef (the default), aux, -o LIST
    #[arg(value_name = "PS OPTION", trailing_var_arg = true, allow_hyphen_values = true)]
    pub options: Vec<String>,
}

/// Prints the table.
pub fn run(args: &TopArgs, globals: &Globals) -> Result<ExitCode> {
    let store = globals.store()?;
    let running = Running::find(&Containers::new(&store), &args.container)?;
    print(&top(&running, &args.options, SystemClock.now())?)?;
    Ok(ExitCode::SUCCESS)
}

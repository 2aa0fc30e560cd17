//! `rbuild manifest rm`: takes lists away, and what nobody else needs of their images.

use super::list::List;
use crate::cli::globals::Globals;
use crate::cli::rmi;
use crate::error::Result;
use clap::Args;
use rbuild_oci::Reference;
use std::process::ExitCode;

/// Which lists.
#[derive(Args, Clone, Debug)]
pub struct RmArgs {
    /// Names of lists
    #[arg(value_name = "LIST", required = true)]
    pub lists: Vec<Reference>,
}

/// Removes the lists, if all of them are lists.
pub(super) fn run(args: &RmArgs, globals: &Globals) -> Result<ExitCode> {
    let store = globals.store()?;
    for name in &args.lists {
        List::open(&store, name)?;
    }
    let names = args.lists.iter().map(Reference::to_string).collect();
    rmi::run(&rmi::RmiArgs { names, force: false }, globals)
}

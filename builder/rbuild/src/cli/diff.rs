//! `rbuild diff`: what a container changed.

use super::globals::Globals;
use super::ground::stand;
use super::out::print_bytes;
use crate::container::{self, Containers};
use crate::error::Result;
use clap::Args;
use std::process::ExitCode;

/// Show which files a container added (A), changed (C) and deleted (D)
#[derive(Args, Clone, Debug)]
pub struct DiffArgs {
    /// Container, by name or id
    #[arg(value_name = "CONTAINER")]
    pub container: String,
}

/// Prints a line for each path.
pub fn run(args: &DiffArgs, globals: &Globals) -> Result<ExitCode> {
    let store = globals.store()?;
    let entry = Containers::new(&store).find(&args.container)?;
    stand(globals, store, |ground| {
        let mut text = Vec::new();
        for (change, path) in container::diff(ground.ctx(), &entry.config)? {
            text.extend([&[change.letter() as u8, b' '], &path[..], b"\n"].concat());
        }
        print_bytes(&text)?;
        Ok(ExitCode::SUCCESS)
    })
}

//! `rbuild container`: the verbs on containers under one roof, as docker has them. Each is the verb of its own file.

use super::globals::Globals;
use super::{commit, cp, create, diff, export, inspect, prune, ps, rename, rm, run};
use crate::error::Result;
use clap::{Args, Subcommand};
use std::process::ExitCode;

/// Manage containers
#[derive(Args, Clone, Debug)]
pub(super) struct ContainerVerbs {
    /// What to do
    #[command(subcommand)]
    pub(super) verb: ContainerVerb,
}

/// What to do with containers.
#[derive(Subcommand, Clone, Debug)]
pub(super) enum ContainerVerb {
    Commit(commit::CommitArgs),
    Cp(cp::CpArgs),
    Create(Box<create::CreateArgs>),
    Diff(diff::DiffArgs),
    Export(export::ExportArgs),
    Inspect(inspect::InspectArgs),
    #[command(visible_aliases = ["list", "ps"])]
    Ls(ps::PsArgs),
    Prune(prune::PruneArgs),
    Rename(rename::RenameArgs),
    #[command(visible_alias = "remove")]
    Rm(rm::RmArgs),
    Run(Box<crate::args::RunArgs>),
}

/// Does it.
pub(super) fn run(args: &ContainerVerbs, globals: &Globals) -> Result<ExitCode> {
    match &args.verb {
        ContainerVerb::Commit(args) => commit::run(args, globals),
        ContainerVerb::Cp(args) => cp::run(args, globals),
        ContainerVerb::Create(args) => create::run(args, globals),
        ContainerVerb::Diff(args) => diff::run(args, globals),
        ContainerVerb::Export(args) => export::run(args, globals),
        ContainerVerb::Inspect(args) => inspect::run_as(args, globals, inspect::Kind::Container),
        ContainerVerb::Ls(args) => ps::run(args, globals),
        ContainerVerb::Prune(args) => prune::run(args, globals),
        ContainerVerb::Rename(args) => rename::run(args, globals),
        ContainerVerb::Rm(args) => rm::run(args, globals),
        ContainerVerb::Run(args) => run::run(args, globals),
    }
}

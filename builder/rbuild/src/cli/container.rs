//! `rbuild container`: the verbs on containers under one roof, as docker has them. Each is the verb of its own file.

use super::globals::Globals;
use super::{
    attach, commit, cp, create, diff, exec, export, inspect, logs, pause, port, prune, ps, rename, rm, run, start,
    stop, top,
};
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
    Attach(attach::AttachArgs),
    Commit(commit::CommitArgs),
    Cp(cp::CpArgs),
    Create(Box<create::CreateArgs>),
    Diff(diff::DiffArgs),
    Exec(Box<crate::args::ExecArgs>),
    Export(export::ExportArgs),
    Inspect(inspect::InspectArgs),
    Kill(stop::KillArgs),
    Logs(logs::LogsArgs),
    #[command(visible_aliases = ["list", "ps"])]
    Ls(ps::PsArgs),
    Pause(pause::PauseArgs),
    Port(port::PortArgs),
    Prune(prune::PruneArgs),
    Rename(rename::RenameArgs),
    Restart(stop::RestartArgs),
    #[command(visible_alias = "remove")]
    Rm(rm::RmArgs),
    Run(Box<crate::args::RunArgs>),
    Start(start::StartArgs),
    Stop(stop::StopArgs),
    Top(top::TopArgs),
    Unpause(pause::UnpauseArgs),
    Wait(stop::WaitArgs),
}

/// Does it.
pub(super) fn run(args: &ContainerVerbs, globals: &Globals) -> Result<ExitCode> {
    match &args.verb {
        ContainerVerb::Attach(args) => attach::run(args, globals),
        ContainerVerb::Commit(args) => commit::run(args, globals),
        ContainerVerb::Cp(args) => cp::run(args, globals),
        ContainerVerb::Create(args) => create::run(args, globals),
        ContainerVerb::Diff(args) => diff::run(args, globals),
        ContainerVerb::Exec(args) => exec::run(args, globals),
        ContainerVerb::Export(args) => export::run(args, globals),
        ContainerVerb::Inspect(args) => inspect::run_as(args, globals, inspect::Kind::Container),
        ContainerVerb::Kill(args) => stop::kill(args, globals),
        ContainerVerb::Logs(args) => logs::run(args, globals),
        ContainerVerb::Ls(args) => ps::run(args, globals),
        ContainerVerb::Pause(args) => pause::run(args, globals),
        ContainerVerb::Port(args) => port::run(args, globals),
        ContainerVerb::Prune(args) => prune::run(args, globals),
        ContainerVerb::Rename(args) => rename::run(args, globals),
        ContainerVerb::Restart(args) => stop::restart(args, globals),
        ContainerVerb::Rm(args) => rm::run(args, globals),
        ContainerVerb::Run(args) => run::run(args, globals),
        ContainerVerb::Start(args) => start::run(args, globals),
        ContainerVerb::Stop(args) => stop::run(args, globals),
        ContainerVerb::Top(args) => top::run(args, globals),
        ContainerVerb::Unpause(args) => pause::unpause(args, globals),
        ContainerVerb::Wait(args) => stop::wait(args, globals),
    }
}

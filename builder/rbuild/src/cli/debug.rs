//! `rbuild debug`: into the state in which a RUN failed, at once or later. Knows no step.

use super::globals::{Globals, Standing};
use super::ground::Ground;
use super::out::{complain, ended};
use crate::args::Env;
use crate::container::{Attendant, Forwarder, Listener, Proxy, attended, exit_code};
use crate::ctx::Place;
use crate::error::Result;
use crate::failed::{self, Failed};
use crate::request::{SecretSource, agents, secrets};
use crate::solve::op::run::{Entry, enter};
use clap::Args;
use rbuild_oci::Cancel;
use rbuild_store::Store;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

/// Look at a step that failed: a shell, or a command, in the state that it left
#[derive(Args, Clone, Debug)]
pub struct DebugArgs {
    /// Secret for the mounts of the step, as for `rbuild build`; none is kept
    #[arg(long = "secret", value_name = "SPEC")]
    secrets: Vec<String>,
    /// Socket of an ssh agent, as for `rbuild build`
    #[arg(long = "ssh", value_name = "ID[=SOCKET]")]
    ssh: Vec<String>,
    /// The build, by its id, the beginning of that, or `latest` (the default); then a command in place of a shell
    #[arg(value_name = "BUILD [COMMAND] [ARG]", trailing_var_arg = true)]
    words: Vec<String>,
}

/// Secrets and agents by their ids.
#[derive(Debug)]
pub(super) struct Givens<'a> {
    pub(super) secrets: &'a BTreeMap<String, SecretSource>,
    pub(super) ssh: &'a BTreeMap<String, PathBuf>,
}

/// Enters the state and ends as the program in it ends.
pub fn run(args: &DebugArgs, globals: &Globals) -> Result<ExitCode> {
    let env: &Env<'_> = &|name| std::env::var(name).ok();
    let (secrets, ssh) = (secrets(&args.secrets, env)?, agents(&args.ssh, env)?);
    let store = globals.store()?;
    let standing = Standing::find()?;
    store.lease()?;
    let named = args.words.first().map(|word| failed::find(&store, word)).transpose()?.flatten();
    let command = if named.is_some() { &args.words[1..] } else { &args.words[..] };
    let kept = named.map_or_else(|| failed::latest(&store), Ok)?;
    if standing.place == Place::Outside {
        store.release();
        return standing.start_again(store.root(), None);
    }
    let argv: Vec<Vec<u8>> = command.iter().map(|word| word.clone().into_bytes()).collect();
    let stay = Stay { failed: &kept.failed, givens: Givens { secrets: &secrets, ssh: &ssh } };
    Ok(ended(stay.enter(argv, globals, store, standing).map(ExitCode::from), exit_code))
}

/// A stay in the state in which a step failed.
#[derive(Debug)]
pub(super) struct Stay<'a> {
    pub(super) failed: &'a Failed,
    pub(super) givens: Givens<'a>,
}

impl Stay<'_> {
    /// Runs a shell, or that command, in the state; the shell's number for how it ended.
    pub(super) fn enter(&self, argv: Vec<Vec<u8>>, globals: &Globals, store: Store, standing: Standing) -> Result<u8> {
        self.greet(argv.is_empty());
        let (at_terminal, ground) = (is_attended(), Ground::new(globals, store, standing, Cancel::new())?);
        let Givens { secrets, ssh } = self.givens;
        let entry = Entry {
            argv: if argv.is_empty() { vec![self.failed.shell()] } else { argv },
            stdio: attended(at_terminal)?,
            secret: &|id| secrets.get(id).map(|source| source.read(id)).transpose(),
            ssh: &|id| ssh.get(id).cloned(),
        };
        let signals = Forwarder::start(&ground.cancel, at_terminal, Proxy::On)?;
        let mut attendant =
            Attendant { signals: &signals, heard: true, begun: &mut || {}, listener: Listener::default() };
        let ended = enter(ground.ctx(), self.failed, entry, &mut attendant).map(|exit| signals.code(exit));
        attendant.listener.settle(ended, &signals)
    }

    /// Says where one is, and what is not there.
    fn greet(&self, shell: bool) {
        let Failed { step, outcome, .. } = self.failed;
        if shell {
            complain(&format!(
                "{step} failed ({outcome}); this is the state it left. What is written here is not kept.\n"
            ));
        }
        let lost = self.failed.secrets().filter(|id| !self.givens.secrets.contains_key(*id));
        for id in lost {
            complain(&format!(
                "NOTE: the secret {id} is not kept: it is empty here; --secret id={id},src=FILE gives it\n"
            ));
        }
        let lost = self.failed.agents().filter(|id| !self.givens.ssh.contains_key(*id));
        for id in lost {
            complain(&format!("NOTE: the ssh agent {id} is not here; --ssh {id} gives it\n"));
        }
    }
}

/// Whether somebody sits at a terminal.
pub(super) fn is_attended() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

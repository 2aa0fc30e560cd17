//! `rbuild rm`: removes containers with all that they wrote.

use super::globals::{Globals, Standing, volumes};
use super::out::{complain_of, print};
use crate::container::show::{Phase, phase};
use crate::container::{self, Containers, Entry};
use crate::ctx::Place;
use crate::error::{Error, Result};
use crate::report;
use clap::Args;
use rbuild_oci::Cancel;
use rbuild_store::Store;
use std::process::ExitCode;

/// Remove containers
#[derive(Args, Clone, Debug, Default)]
pub struct RmArgs {
    /// Containers, by name or id
    #[arg(value_name = "CONTAINER", required = true)]
    pub names: Vec<String>,
    /// End those that run first; fine if there is no such container
    #[arg(short, long)]
    pub force: bool,
    /// Remove their anonymous volumes too
    #[arg(short, long)]
    pub volumes: bool,
}

/// Removes the containers; one that cannot be removed does not keep others from it.
pub fn run(args: &RmArgs, globals: &Globals) -> Result<ExitCode> {
    let store = globals.store()?;
    let standing = Standing::find()?;
    if standing.place == Place::Outside {
        if args.force {
            end(args, &store)?;
        }
        return standing.start_again(store.root(), None);
    }
    let mut code = ExitCode::SUCCESS;
    for name in &args.names {
        match remove(args, &store, name) {
            Ok(()) => print(&format!("{name}\n"))?,
            Err(error) => {
                complain_of(&report::plain(&error));
                if !(args.force && matches!(error, Error::NoContainer { .. })) {
                    code = report::exit_code(&error);
                }
            }
        }
    }
    Ok(code)
}

/// Ends those that run: the user who started them may, from outside of their namespace.
fn end(args: &RmArgs, store: &Store) -> Result<()> {
    let containers = Containers::new(store);
    for name in &args.names {
        match containers.find(name) {
            Ok(entry) => container::end(&containers, &entry)?,
            Err(Error::NoContainer { .. } | Error::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn remove(args: &RmArgs, store: &Store, name: &str) -> Result<()> {
    let containers = Containers::new(store);
    let entry = match containers.find(name) {
        Err(Error::Damaged { .. }) => return remove_damaged(args, &containers, name),
        found => found?,
    };
    let id = &entry.config.id;
    let held = match containers.hold(id)? {
        Some(held) => Some(held),
        None if args.force => {
            container::end(&containers, &entry)?;
            containers.hold(id)?
        }
        None => return Err(in_use(&containers.read(id)?.unwrap_or(entry))),
    };
    let Some(held) = held else { return Ok(()) };
    let volumes = volumes(store, &Cancel::new())?;
    if args.volumes { containers.remove(held, &volumes) } else { containers.remove_alone(held, &volumes) }
}

fn remove_damaged(args: &RmArgs, containers: &Containers, name: &str) -> Result<()> {
    let Some(id) = containers.id_of(name)? else { return Ok(()) };
    if args.force {
        containers.end_damaged(&id)?;
    }
    let reason = "is damaged, and another rbuild has it: force remove, or end that one first".to_owned();
    let in_use = Error::Unfit { name: name.to_owned(), reason, hint: None };
    if containers.remove_damaged(&id)? { Ok(()) } else { Err(in_use) }
}

/// The error for a container that another process has.
fn in_use(entry: &Entry) -> Error {
    let reason = match phase(&entry.state, &entry.state.status()) {
        Phase::Running => "is running: stop the container before removing or force remove",
        Phase::Paused => "is paused and must be unpaused first, or force remove",
        Phase::Created | Phase::Exited => "is being worked on by another rbuild: try again when that is done",
    };
    Error::Unfit { name: entry.config.name.clone(), reason: reason.to_owned(), hint: None }
}

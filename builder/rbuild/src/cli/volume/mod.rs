//! `rbuild volume`: files that outlive containers, made, listed, shown, removed; one file a verb.

mod create;
mod filter;
mod ls;
mod prune;
mod rm;

pub use create::{CreateArgs, create};
pub use ls::{LsArgs, list};
pub use prune::{PruneArgs, prune};
pub use rm::{RmArgs, remove};

use super::globals::{Globals, Standing, volumes};
use super::inspect;
use super::out::{complain_of, print};
use super::prune::agreed;
use super::signals::cancel_on_signal;
use crate::container::VolumeDrivers;
use crate::ctx::Place;
use crate::error::{Error, Result};
use crate::report;
use clap::{Args, Subcommand};
use rbuild_oci::Cancel;
use rbuild_store::{Store, VolumeDriver};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Keep data outside of containers
#[derive(Args, Clone, Debug)]
pub struct VolumeArgs {
    /// What to do
    #[command(subcommand)]
    pub verb: VolumeVerb,
}

/// What to do with volumes.
#[derive(Subcommand, Clone, Debug)]
pub enum VolumeVerb {
    /// Make a volume; fine if there is one of that name
    Create(CreateArgs),
    /// List volumes
    #[command(visible_alias = "list")]
    Ls(LsArgs),
    /// Show everything about volumes
    Inspect(InspectArgs),
    /// Remove volumes and what is in them
    #[command(visible_alias = "remove")]
    Rm(RmArgs),
    /// Remove all volumes that no container mounts
    Prune(PruneArgs),
}

/// Which volumes to show, and how.
#[derive(Args, Clone, Debug, Default)]
pub struct InspectArgs {
    /// Volumes
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// `json` or a Go template
    #[arg(short, long, value_name = "FORMAT")]
    pub format: Option<String>,
}

/// Does it. What removes files is done inside the namespace that they were written in.
pub fn run(args: &VolumeArgs, globals: &Globals) -> Result<ExitCode> {
    let store = globals.store()?;
    if matches!(args.verb, VolumeVerb::Rm(_) | VolumeVerb::Prune(_)) {
        let standing = Standing::find()?;
        if standing.place == Place::Outside {
            return standing.start_again(store.root(), None);
        }
    }
    let cancel = Cancel::new();
    let drivers = volumes(&store, &cancel)?;
    match &args.verb {
        VolumeVerb::Prune(args) if !args.force && !agreed(args.warning())? => Ok(ExitCode::SUCCESS),
        verb => {
            let _watch = cancel_on_signal(&cancel)?;
            act(verb, &store, &drivers)
        }
    }
}

fn act(verb: &VolumeVerb, store: &Store, drivers: &VolumeDrivers) -> Result<ExitCode> {
    match verb {
        VolumeVerb::Create(args) => print(&create(args, drivers, std::time::SystemTime::now().into())?)?,
        VolumeVerb::Ls(args) => print(&list(args, store, drivers)?)?,
        VolumeVerb::Prune(args) => print(&prune(args, store, drivers)?)?,
        VolumeVerb::Inspect(args) => {
            return all(&args.names, |names| {
                let (mut values, mut failures) = (Vec::new(), Vec::new());
                for name in names {
                    value(drivers, name).map_or_else(|error| failures.push(error), |value| values.push(value));
                }
                Ok((inspect::text(&values, args.format.as_deref())?, failures))
            });
        }
        VolumeVerb::Rm(args) => {
            return all(&args.names, |names| {
                let (mut text, mut failures) = (String::new(), Vec::new());
                for name in names {
                    remove(args, store, drivers, name)
                        .map_or_else(|error| failures.push(error), |line| text.push_str(&line));
                }
                Ok((text, failures))
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What is done to each name: what went well is printed, what did not is told, and the last failure is the verb's.
fn all(names: &[String], act: impl FnOnce(&[String]) -> Result<(String, Vec<Error>)>) -> Result<ExitCode> {
    let (text, mut failures) = act(names)?;
    print(&text)?;
    let Some(last) = failures.pop() else { return Ok(ExitCode::SUCCESS) };
    for failure in failures {
        complain_of(&report::plain(&failure));
    }
    Err(last)
}

/// Everything about a volume, in docker's fields.
pub fn value(drivers: &VolumeDrivers, name: &str) -> Result<Value> {
    let volume = drivers.get(name)?.ok_or_else(|| missing(name))?;
    let or_null =
        |map: &std::collections::BTreeMap<String, String>| if map.is_empty() { Value::Null } else { json!(map) };
    let mut value = json!({
        "CreatedAt": volume.created_at,
        "Driver": volume.driver,
        "Labels": or_null(&volume.labels),
        "Mountpoint": volume.mountpoint,
        "Name": volume.name,
        "Options": or_null(&volume.options),
        "Scope": volume.scope,
    });
    if let (Some(status), Some(map)) = (volume.status, value.as_object_mut()) {
        map.insert("Status".to_owned(), status);
    }
    Ok(value)
}

fn missing(name: &str) -> Error {
    Error::Store(rbuild_store::Error::Missing { what: "volume", subject: name.to_owned() })
}

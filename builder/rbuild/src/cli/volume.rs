//! `rbuild volume`: named volumes, made, listed, shown, removed.

use super::globals::{Globals, Standing};
use super::inspect;
use super::out::{format_error, print};
use crate::container::Containers;
use crate::ctx::Place;
use crate::error::{Error, Result};
use crate::render::{Column, Listing};
use clap::{Args, Subcommand};
use rbuild_oci::Timestamp;
use rbuild_store::{NewVolume, Store, Volume, VolumeDriver};
use serde_json::{Value, json};
use std::collections::BTreeMap;
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
}

/// A volume to make.
#[derive(Args, Clone, Debug, Default)]
pub struct CreateArgs {
    /// Name of the volume [default: a random one]
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Volume driver
    #[arg(short, long, value_name = "NAME", default_value = "local")]
    pub driver: String,
    /// Option for the driver
    #[arg(short, long = "opt", value_name = "KEY=VALUE")]
    pub options: Vec<String>,
    /// Note on the volume
    #[arg(long = "label", value_name = "KEY[=VALUE]")]
    pub labels: Vec<String>,
}

/// Which volumes to list, and how.
#[derive(Args, Clone, Debug, Default)]
pub struct LsArgs {
    /// Only some: dangling=BOOL, driver=NAME, label=KEY[=VALUE], name=PART
    #[arg(short, long = "filter", value_name = "KEY=VALUE")]
    pub filters: Vec<String>,
    /// `table`, `table TEMPLATE`, `json` or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Print names only
    #[arg(short, long)]
    pub quiet: bool,
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

/// Which volumes to remove.
#[derive(Args, Clone, Debug, Default)]
pub struct RmArgs {
    /// Volumes
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// Fine if there is no such volume
    #[arg(short, long)]
    pub force: bool,
}

/// Does it.
pub fn run(args: &VolumeArgs, globals: &Globals) -> Result<ExitCode> {
    let store = globals.store()?;
    let (mut text, mut failed) = (String::new(), None);
    match &args.verb {
        VolumeVerb::Create(args) => text = create(args, &store, std::time::SystemTime::now().into())?,
        VolumeVerb::Ls(args) => text = list(args, &store)?,
        VolumeVerb::Inspect(args) => {
            let (mut values, found) = (Vec::new(), args.names.iter().map(|name| value(&store, name)));
            for result in found {
                result.map_or_else(|error| failed = Some(error), |value| values.push(value));
            }
            text = inspect::text(&values, args.format.as_deref())?;
        }
        VolumeVerb::Rm(args) => {
            let standing = Standing::find()?;
            if standing.place == Place::Outside {
                return standing.start_again(store.root(), None);
            }
            for name in &args.names {
                remove(args, &store, name).map_or_else(|error| failed = Some(error), |line| text.push_str(&line));
            }
        }
    }
    print(&text)?;
    failed.map_or(Ok(ExitCode::SUCCESS), Err)
}

/// Makes a volume at that time and gives its name.
pub fn create(args: &CreateArgs, store: &Store, now: Timestamp) -> Result<String> {
    let volumes = store.volumes();
    if args.driver != volumes.name() {
        return Err(Error::Usage(format!("there is no volume driver {:?}: there is {}", args.driver, volumes.name())));
    }
    let new = NewVolume {
        driver: None,
        name: args.name.clone(),
        labels: pairs(&args.labels)?,
        options: pairs(&args.options)?,
    };
    Ok(volumes.create(&new, now)?.name + "\n")
}

/// The volumes as text.
pub fn list(args: &LsArgs, store: &Store) -> Result<String> {
    let containers = Containers::new(store).all()?;
    let mut volumes = store.volumes().list()?;
    for text in &args.filters {
        let wrong = || Error::Usage(format!("--filter {text:?}: known are dangling=BOOL, driver=, label= and name="));
        let (key, wanted) = text.split_once('=').ok_or_else(wrong)?;
        match (key, wanted) {
            ("dangling", "true" | "1" | "false" | "0") => volumes.retain(|volume| {
                let used = containers.iter().any(|entry| entry.config.uses_volume(&volume.name));
                used != matches!(wanted, "true" | "1")
            }),
            ("driver", _) => volumes.retain(|volume| volume.driver == wanted),
            ("name", _) => volumes.retain(|volume| volume.name.contains(wanted)),
            ("label", _) => volumes.retain(|volume| has_label(volume, wanted)),
            _ => return Err(wrong()),
        }
    }
    if args.quiet {
        return Ok(volumes.iter().map(|volume| volume.name.clone() + "\n").collect());
    }
    let rows: Vec<Value> = volumes.iter().map(row).collect();
    let listing = Listing { columns: &COLUMNS, table: &["Driver", "Name"], rows: &rows, labels: true };
    listing.render(args.format.as_deref()).map_err(|problem| format_error(&problem))
}

/// Everything about a volume.
pub fn value(store: &Store, name: &str) -> Result<Value> {
    let volume = store.volumes().get(name)?.ok_or_else(|| missing(name))?;
    serde_json::to_value(volume).map_err(|error| Error::io("show", name)(std::io::Error::from(error)))
}

/// Removes a volume that no container mounts and gives the line that says so.
pub fn remove(args: &RmArgs, store: &Store, name: &str) -> Result<String> {
    if let Some(user) = Containers::new(store).with_volume(name)?.first() {
        let reason = format!("container {} mounts it: remove that first", user.short());
        return Err(Error::Store(rbuild_store::Error::Refused { what: "volume", subject: name.to_owned(), reason }));
    }
    if store.volumes().remove(name)?.is_none() && !args.force {
        return Err(missing(name));
    }
    Ok(format!("{name}\n"))
}

const COLUMNS: [Column; 7] = [
    Column { field: "Driver", heading: "DRIVER" },
    Column { field: "Labels", heading: "LABELS" },
    Column { field: "Links", heading: "LINKS" },
    Column { field: "Mountpoint", heading: "MOUNTPOINT" },
    Column { field: "Name", heading: "VOLUME NAME" },
    Column { field: "Scope", heading: "SCOPE" },
    Column { field: "Size", heading: "SIZE" },
];

fn row(volume: &Volume) -> Value {
    let labels: Vec<String> = volume.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    json!({
        "Driver": volume.driver,
        "Label": volume.labels,
        "Labels": labels.join(","),
        "Links": "N/A",
        "Mountpoint": volume.mountpoint,
        "Name": volume.name,
        "Scope": volume.scope,
        "Size": "N/A",
    })
}

fn has_label(volume: &Volume, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((key, value)) => volume.labels.get(key).is_some_and(|own| own == value),
        None => volume.labels.contains_key(wanted),
    }
}

fn pairs(texts: &[String]) -> Result<BTreeMap<String, String>> {
    let pair = |text: &String| match text.split_once('=').unwrap_or((text, "")) {
        ("", _) => Err(Error::Usage(format!("{text:?} has no key: write KEY=VALUE"))),
        (key, value) => Ok((key.to_owned(), value.to_owned())),
    };
    texts.iter().map(pair).collect()
}

fn missing(name: &str) -> Error {
    Error::Store(rbuild_store::Error::Missing { what: "volume", subject: name.to_owned() })
}

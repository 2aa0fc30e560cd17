//! `rbuild volume ls`.

use super::filter::Filter;
use crate::cli::out::{complain, format_error};
use crate::container::{Containers, Survey, VolumeDrivers};
use crate::error::Result;
use crate::render::{Column, Listing};
use clap::Args;
use rbuild_store::{Store, Volume};
use serde_json::{Value, json};

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

/// The volumes as text. A driver that does not answer is told of on standard error.
pub fn list(args: &LsArgs, store: &Store, drivers: &VolumeDrivers) -> Result<String> {
    let filter = Filter::parse(&args.filters, &["dangling=BOOL", "driver=", "label=", "name="])?;
    let Survey { mut volumes, failures } = drivers.survey()?;
    for failure in failures {
        complain(&format!("WARNING: {failure}\n"));
    }
    volumes.retain(|volume| filter.keeps(volume));
    if let Some(dangling) = filter.dangling {
        let containers = Containers::new(store).all()?;
        let used = |volume: &Volume| containers.iter().any(|entry| entry.config.uses_volume(&volume.name));
        volumes.retain(|volume| used(volume) != dangling);
    }
    if args.quiet {
        return Ok(volumes.iter().map(|volume| volume.name.clone() + "\n").collect());
    }
    let rows: Vec<Value> = volumes.iter().map(row).collect();
    let listing = Listing { columns: &COLUMNS, table: &["Driver", "Name"], rows: &rows, labels: true };
    listing.render(args.format.as_deref()).map_err(|problem| format_error(&problem))
}

const COLUMNS: [Column; 10] = [
    Column { field: "Availability", heading: "AVAILABILITY" },
    Column { field: "Driver", heading: "DRIVER" },
    Column { field: "Group", heading: "GROUP" },
    Column { field: "Labels", heading: "LABELS" },
    Column { field: "Links", heading: "LINKS" },
    Column { field: "Mountpoint", heading: "MOUNTPOINT" },
    Column { field: "Name", heading: "VOLUME NAME" },
    Column { field: "Scope", heading: "SCOPE" },
    Column { field: "Size", heading: "SIZE" },
    Column { field: "Status", heading: "STATUS" },
];

/// As docker, which counts neither size nor links here, and knows the rest of clusters only.
fn row(volume: &Volume) -> Value {
    let labels: Vec<String> = volume.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    json!({
        "Availability": "N/A",
        "Driver": volume.driver,
        "Group": "N/A",
        "Label": volume.labels,
        "Labels": labels.join(","),
        "Links": "N/A",
        "Mountpoint": volume.mountpoint,
        "Name": volume.name,
        "Scope": volume.scope,
        "Size": "N/A",
        "Status": "N/A",
    })
}

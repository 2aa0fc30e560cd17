//! `rbuild system df`: what images, containers, volumes and the build cache take of the disk, in docker's columns.

use super::globals::{Globals, Standing};
use super::out::{format_error, print};
use super::would::short;
use crate::container::show::{Columns, row};
use crate::ctx::Place;
use crate::error::Result;
use crate::prune::{Class, Space, Tally, Thing, space};
use crate::render::{Column, Listing, Template, align, human};
use clap::Args;
use rbuild_oci::{Reference, Timestamp};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Show what the store takes of the disk
#[derive(Args, Clone, Debug, Default)]
pub(super) struct DfArgs {
    /// `table`, `table TEMPLATE`, `json` or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: Option<String>,
    /// Tell of each thing
    #[arg(short, long)]
    pub(super) verbose: bool,
}

/// Tells it, from inside the namespace that the files were written in.
pub(super) fn df(args: &DfArgs, globals: &Globals) -> Result<ExitCode> {
    let store = globals.store()?;
    let standing = Standing::find()?;
    if standing.place == Place::Outside {
        return standing.start_again(store.root(), None);
    }
    let (space, now) = (space(&store)?, std::time::SystemTime::now().into());
    print(&if args.verbose { verbose(args, &space, now)? } else { sums(args, &space)? })?;
    Ok(ExitCode::SUCCESS)
}

const COLUMNS: [Column; 5] = [
    Column { field: "Active", heading: "ACTIVE" },
    Column { field: "Reclaimable", heading: "RECLAIMABLE" },
    Column { field: "Size", heading: "SIZE" },
    Column { field: "TotalCount", heading: "TOTAL" },
    Column { field: "Type", heading: "TYPE" },
];

fn sums(args: &DfArgs, space: &Space) -> Result<String> {
    let classes = [
        ("Images", Class::Image),
        ("Containers", Class::Container),
        ("Local Volumes", Class::Volume),
        ("Build Cache", Class::Cache),
    ];
    let rows: Vec<Value> = classes
        .map(|(name, class)| {
            let tally = space.tallies.get(&class).copied().unwrap_or_default();
            json!({
                "Active": tally.active.to_string(),
                "Reclaimable": reclaimable(&tally, class),
                "Size": human::size(tally.bytes),
                "TotalCount": tally.total.to_string(),
                "Type": name,
            })
        })
        .into();
    let table = ["Type", "TotalCount", "Active", "Size", "Reclaimable"];
    let listing = Listing { columns: &COLUMNS, table: &table, rows: &rows, labels: false };
    listing.render(args.format.as_deref()).map_err(|problem| format_error(&problem))
}

/// `2.498GB (94%)`; without a share for the build cache, as docker has it.
fn reclaimable(tally: &Tally, class: Class) -> String {
    let size = human::size(tally.reclaimable);
    if class == Class::Cache || tally.bytes == 0 {
        return size;
    }
    format!("{size} ({}%)", u128::from(tally.reclaimable) * 100 / u128::from(tally.bytes))
}

fn verbose(args: &DfArgs, space: &Space, now: Timestamp) -> Result<String> {
    let lists = [images(space, now), containers(space, now), volumes(space), cache(space, now)];
    if let Some(format) = args.format.as_deref().filter(|format| *format != "table") {
        let [images, containers, volumes, cache] = lists;
        let all = json!({ "Images": images, "Containers": containers, "Volumes": volumes, "BuildCache": cache });
        if format == "json" {
            return Ok(format!("{all}\n"));
        }
        let text = Template::parse(format).and_then(|template| template.render(&all));
        return Ok(text.map_err(|problem| format_error(&problem))? + "\n");
    }
    let total = space.tallies.get(&Class::Cache).map_or(0, |tally| tally.bytes);
    let headings = [
        "Images space usage:".to_owned(),
        "Containers space usage:".to_owned(),
        "Local Volumes space usage:".to_owned(),
        format!("Build cache usage: {}", human::size(total)),
    ];
    let text: Vec<String> = headings
        .iter()
        .zip(TABLES)
        .zip(&lists)
        .map(|((heading, columns), rows)| format!("{heading}\n\n{}", table(columns, rows)))
        .collect();
    Ok(text.join("\n"))
}

/// The columns of each list: headings and fields.
const TABLES: [&[(&str, &str)]; 4] = [
    &[
        ("REPOSITORY", "Repository"),
        ("TAG", "Tag"),
        ("IMAGE ID", "ID"),
        ("CREATED", "CreatedSince"),
        ("SIZE", "Size"),
        ("SHARED SIZE", "SharedSize"),
        ("UNIQUE SIZE", "UniqueSize"),
        ("CONTAINERS", "Containers"),
    ],
    &[
        ("CONTAINER ID", "ID"),
        ("IMAGE", "Image"),
        ("COMMAND", "Command"),
        ("LOCAL VOLUMES", "LocalVolumes"),
        ("SIZE", "Size"),
        ("CREATED", "RunningFor"),
        ("STATUS", "Status"),
        ("NAMES", "Names"),
    ],
    &[("VOLUME NAME", "Name"), ("LINKS", "Links"), ("SIZE", "Size")],
    &[
        ("CACHE ID", "ID"),
        ("CACHE TYPE", "CacheType"),
        ("SIZE", "Size"),
        ("CREATED", "CreatedSince"),
        ("LAST USED", "LastUsedSince"),
        ("USAGE", "UsageCount"),
        ("SHARED", "Shared"),
    ],
];

fn table(columns: &[(&str, &str)], rows: &[Value]) -> String {
    let line = |cells: Vec<&str>| cells.join("\t") + "\n";
    let mut text = line(columns.iter().map(|(heading, _)| *heading).collect());
    for row in rows {
        text.push_str(&line(columns.iter().map(|(_, field)| row[*field].as_str().unwrap_or_default()).collect()));
    }
    align(&text)
}

fn images(space: &Space, now: Timestamp) -> Vec<Value> {
    let mut rows = Vec::new();
    for image in space.images() {
        let (listed, created) = (image.listed, image.listed.image.config.created);
        let row = |repository: String, tag: &str| {
            json!({
                "Repository": repository,
                "Tag": tag,
                "ID": human::id(&listed.image.id.0, false),
                "CreatedSince": created.map_or_else(|| "N/A".to_owned(), |time| human::ago(time, now)),
                "Size": human::size(image.shared + image.unique),
                "SharedSize": human::size(image.shared),
                "UniqueSize": human::size(image.unique),
                "Containers": image.containers.to_string(),
            })
        };
        let names = listed.tags.iter().filter_map(|tag| tag.reference.parse::<Reference>().ok());
        rows.extend(names.map(|name| row(name.familiar_name(), name.tag().unwrap_or(NONE))));
        rows.extend(listed.tags.is_empty().then(|| row(NONE.to_owned(), NONE)));
    }
    rows
}

const NONE: &str = "<none>";

fn containers(space: &Space, now: Timestamp) -> Vec<Value> {
    let size =
        |id: &str| space.things(Class::Container).find(|(thing, _)| thing.id == id).map_or(0, |(thing, _)| thing.bytes);
    let shown = space.plan.containers().map(|entry| {
        let columns = Columns { now, whole: false, status: entry.state.status(), size: None };
        let mut row = row(entry, &columns);
        row["Size"] = human::size(size(entry.config.id.hex())).into();
        row
    });
    shown.collect()
}

fn volumes(space: &Space) -> Vec<Value> {
    let row = |thing: &Thing| {
        let links = space.plan.containers().filter(|entry| entry.config.uses_volume(&thing.id)).count();
        json!({ "Name": thing.id, "Links": links.to_string(), "Size": human::size(thing.bytes) })
    };
    space.things(Class::Volume).map(|(thing, _)| row(thing)).collect()
}

fn cache(space: &Space, now: Timestamp) -> Vec<Value> {
    let row = |thing: &Thing| {
        json!({
            "ID": short(thing),
            "CacheType": thing.kind,
            "Size": human::size(thing.bytes),
            "CreatedSince": human::ago(thing.created.unwrap_or(thing.used), now),
            "LastUsedSince": human::ago(thing.used, now),
            "UsageCount": "N/A",
            "Shared": "false",
        })
    };
    space.things(Class::Cache).map(|(thing, _)| row(thing)).collect()
}

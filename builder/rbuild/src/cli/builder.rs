//! `rbuild builder` (also `buildx`): the build cache, removed and told. Of `buildx` it has the verbs that the store knows.

use super::globals::{Globals, Standing};
use super::out::{format_error, print};
use super::prune::{Filters, How, prune};
use super::would::{one_line, short};
use crate::args::size;
use crate::ctx::Place;
use crate::error::{Error, Result};
use crate::prune::{Cache, Class, Keep, Space, Thing, Wish, space};
use crate::render::{Column, Listing, align, human};
use clap::{Args, Subcommand};
use rbuild_oci::Timestamp;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Manage the build cache
#[derive(Args, Clone, Debug)]
pub(super) struct BuilderVerbs {
    /// What to do
    #[command(subcommand)]
    pub(super) verb: BuilderVerb,
}

/// What to do with the build cache.
#[derive(Subcommand, Clone, Debug)]
pub(super) enum BuilderVerb {
    Du(DuArgs),
    Prune(BuilderPruneArgs),
}

/// Show what is in the build cache
#[derive(Args, Clone, Debug, Default)]
pub(super) struct DuArgs {
    /// Only some: type=TYPE, id=ID, until=TIME
    #[arg(long = "filter", value_name = "KEY=VALUE")]
    pub(super) filters: Vec<String>,
    /// `table`, `table TEMPLATE`, `json` or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: Option<String>,
    /// Tell everything of each thing
    #[arg(short, long)]
    pub(super) verbose: bool,
}

/// Remove what of the build cache no image and no container needs
#[derive(Args, Clone, Debug, Default)]
pub(super) struct BuilderPruneArgs {
    /// Also the records of steps whose layers images have, and the states of failed steps
    #[arg(short, long)]
    pub(super) all: bool,
    #[command(flatten)]
    pub(super) how: How,
    /// Only some: until=TIME (not used since), type=regular|source.local|source.git.checkout|exec.cachemount|internal,
    /// id=ID
    #[arg(long = "filter", value_name = "KEY=VALUE")]
    pub(super) filters: Vec<String>,
    /// Keep so much of what was used last, as in 10GB
    #[arg(long, value_name = "SIZE", visible_alias = "reserved-space", visible_alias = "max-used-space")]
    pub(super) keep_storage: Option<String>,
}

/// Does it.
pub(super) fn run(args: &BuilderVerbs, globals: &Globals) -> Result<ExitCode> {
    match &args.verb {
        BuilderVerb::Du(args) => du(args, globals),
        BuilderVerb::Prune(args) => prune_cache(args, globals),
    }
}

const TYPES: [&str; 5] = ["regular", "source.local", "source.git.checkout", "exec.cachemount", "internal"];
const KNOWN: [&str; 3] = ["until=TIME", "type=TYPE", "id=ID"];

fn prune_cache(args: &BuilderPruneArgs, globals: &Globals) -> Result<ExitCode> {
    let filters = parse(&args.filters)?;
    let fits = |thing: &Thing| is_meant(&filters, thing);
    let keep = args.keep_storage.as_deref().map(|text| size::bytes("--keep-storage", text)).transpose()?;
    let keep = keep.map(|bytes| Keep { limit: bytes, rest: bytes });
    let cache = Cache { all: args.all, until: filters.until, fits: &fits, keep, nameless: false };
    let wish = Wish { cache: Some(cache), ..Wish::default() };
    let warning = if args.all {
        "WARNING! This will remove all build cache. "
    } else {
        "WARNING! This will remove all dangling build cache. "
    };
    prune(&args.how, warning, &wish, globals)
}

fn parse(texts: &[String]) -> Result<Filters> {
    let filters = Filters::parse(texts, &KNOWN)?;
    match filters.types.iter().find(|kind| !TYPES.contains(&&***kind)) {
        Some(kind) => Err(Error::Usage(format!("--filter \"type={kind}\": known are {}", TYPES.join(", ")))),
        None => Ok(filters),
    }
}

/// Whether filters mean a part of the build cache, but for when it was used.
fn is_meant(filters: &Filters, thing: &Thing) -> bool {
    let any = |list: &[String], fits: &dyn Fn(&str) -> bool| list.is_empty() || list.iter().any(|item| fits(item));
    any(&filters.types, &|kind| kind == thing.kind) && any(&filters.ids, &|id| thing.id.starts_with(id))
}

fn du(args: &DuArgs, globals: &Globals) -> Result<ExitCode> {
    let filters = parse(&args.filters)?;
    let store = globals.store()?;
    let standing = Standing::find()?;
    if standing.place == Place::Outside {
        return standing.start_again(store.root(), None);
    }
    let now = std::time::SystemTime::now().into();
    print(&du_text(args, &filters, &space(&store)?, now)?)?;
    Ok(ExitCode::SUCCESS)
}

const COLUMNS: [Column; 9] = [
    Column { field: "ID", heading: "ID" },
    Column { field: "CreatedAt", heading: "CREATED AT" },
    Column { field: "Description", heading: "DESCRIPTION" },
    Column { field: "LastUsedAt", heading: "LAST ACCESSED" },
    Column { field: "Mutable", heading: "MUTABLE" },
    Column { field: "Reclaimable", heading: "RECLAIMABLE" },
    Column { field: "Shared", heading: "SHARED" },
    Column { field: "Size", heading: "SIZE" },
    Column { field: "Type", heading: "TYPE" },
];

fn du_text(args: &DuArgs, filters: &Filters, space: &Space, now: Timestamp) -> Result<String> {
    let used_before = |thing: &Thing| filters.until.is_none_or(|until| thing.used < until);
    let mut things: Vec<_> =
        space.things(Class::Cache).filter(|(thing, _)| is_meant(filters, thing) && used_before(thing)).collect();
    things.sort_by_key(|(thing, _)| std::cmp::Reverse(thing.bytes));
    let rows: Vec<Value> = things.iter().map(|(thing, free)| row(thing, *free, now)).collect();
    let sum = |free: bool| {
        let of = things.iter().filter(|(_, other)| *other || !free).map(|(thing, _)| thing.bytes);
        human::size(of.sum())
    };
    if args.verbose {
        let told = rows.iter().map(told).collect::<String>();
        return Ok(told + &format!("Reclaimable:\t{}\nTotal:\t\t{}\n", sum(true), sum(false)));
    }
    let table = ["ID", "Reclaimable", "Size", "LastUsedAt"];
    let listing = Listing { columns: &COLUMNS, table: &table, rows: &rows, labels: false };
    let text = listing.render(args.format.as_deref()).map_err(|problem| format_error(&problem))?;
    if args.format.is_some() {
        return Ok(text);
    }
    Ok(text + &align(&format!("Reclaimable:\t{}\nTotal:\t{}\n", sum(true), sum(false))))
}

fn row(thing: &Thing, free: bool, now: Timestamp) -> Value {
    json!({
        "ID": short(thing),
        "CreatedAt": thing.created.map_or_else(|| "N/A".to_owned(), human::date),
        "Description": one_line(&thing.what),
        "LastUsedAt": human::ago(thing.used, now),
        "Mutable": (thing.kind == "exec.cachemount").to_string(),
        "Reclaimable": free.to_string(),
        "Shared": "false",
        "Size": human::size(thing.bytes),
        "Type": thing.kind,
    })
}

/// A row in buildx's lines.
fn told(row: &Value) -> String {
    let field = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let lines = [
        ("ID", "ID:\t\t"),
        ("CreatedAt", "Created at:\t"),
        ("Mutable", "Mutable:\t"),
        ("Reclaimable", "Reclaimable:\t"),
        ("Shared", "Shared:\t\t"),
        ("Size", "Size:\t\t"),
        ("Description", "Description:\t"),
        ("LastUsedAt", "Last used:\t"),
        ("Type", "Type:\t\t"),
    ];
    lines.iter().map(|(name, heading)| format!("{heading}{}\n", field(name))).chain(["\n".to_owned()]).collect()
}

//! `rbuild ps`: which containers there are.

use super::globals::Globals;
use super::ground::stand;
use super::out::{complain_of, format_error, print};
use super::ps_filter::Filters;
use crate::container::show::{self, COLUMNS, Columns};
use crate::container::{Containers, Entry, Status, size};
use crate::ctx::Ctx;
use crate::error::Result;
use crate::render::Listing;
use crate::report;
use clap::Args;
use rbuild_oci::Timestamp;
use rbuild_store::Store;
use serde_json::Value;
use std::process::ExitCode;

/// List containers
#[derive(Args, Clone, Debug, Default)]
pub struct PsArgs {
    /// Also list containers that do not run
    #[arg(short, long)]
    pub all: bool,
    /// Only some: id=, name=, label=, status=, exited=, ancestor=, before=, since=, volume=, network=, publish=,
    /// expose=
    #[arg(short, long = "filter", value_name = "KEY=VALUE")]
    pub filters: Vec<String>,
    /// `table`, `table TEMPLATE`, `json` or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Only that many, youngest first, whether they run or not
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub last: Option<usize>,
    /// Only the youngest, whether it runs or not
    #[arg(short, long)]
    pub latest: bool,
    /// Print everything in full
    #[arg(long)]
    pub no_trunc: bool,
    /// Print ids only
    #[arg(short, long)]
    pub quiet: bool,
    /// Print how much each has written
    #[arg(short, long)]
    pub size: bool,
}

impl PsArgs {
    /// Whether anything printed tells a size.
    fn wants_sizes(&self) -> bool {
        self.size || self.format.as_ref().is_some_and(|format| format.contains(".Size"))
    }
}

/// Lists the containers. What each wrote can only be told from inside the user namespace that it ran in.
pub fn run(args: &PsArgs, globals: &Globals) -> Result<ExitCode> {
    let (store, now) = (globals.store()?, std::time::SystemTime::now().into());
    if !args.wants_sizes() || args.quiet {
        print(&text(args, &store, None, now)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    stand(globals, store, |ground| {
        print(&text(args, &ground.store, Some(ground.ctx()), now)?)?;
        Ok(ExitCode::SUCCESS)
    })
}

/// What is printed at that time; sizes are taken where there is a way to.
pub fn text(args: &PsArgs, store: &Store, sizes: Option<Ctx<'_>>, now: Timestamp) -> Result<String> {
    let chosen = chosen(args, store)?;
    if args.quiet {
        let id = |(entry, _): &(Entry, Status)| {
            let id = &entry.config.id;
            if args.no_trunc { id.hex().to_owned() } else { id.short().to_owned() }
        };
        return Ok(chosen.iter().map(|chosen| id(chosen) + "\n").collect());
    }
    let mut rows: Vec<Value> = Vec::new();
    for (entry, status) in chosen {
        let size = sizes.map(|ctx| size(ctx, &entry.config)).transpose()?;
        rows.push(show::row(&entry, &Columns { now, whole: args.no_trunc, status, size }));
    }
    const TABLE: [&str; 8] = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names", "Size"];
    let table = if args.size { &TABLE[..] } else { &TABLE[..7] };
    let listing = Listing { columns: &COLUMNS, table, rows: &rows, labels: true };
    listing.render(args.format.as_deref()).map_err(|problem| format_error(&problem))
}

/// The containers that are asked for, youngest first, each with what its state means now.
fn chosen(args: &PsArgs, store: &Store) -> Result<Vec<(Entry, Status)>> {
    let filters = Filters::parse(&args.filters, store)?;
    let last = if args.latest { Some(1) } else { args.last };
    let all = args.all || last.is_some() || filters.names_a_status();
    let (mut entries, damaged) = Containers::new(store).sound()?;
    for error in &damaged {
        complain_of(&report::plain(error));
    }
    entries.sort_by(|a, b| b.config.created.cmp(&a.config.created).then_with(|| a.config.id.cmp(&b.config.id)));
    let with_status = entries.into_iter().map(|entry| {
        let now = entry.state.status();
        (entry, now)
    });
    let asked = with_status.filter(|(entry, now)| (all || now.pid().is_some()) && filters.keep(entry, now));
    Ok(asked.take(last.unwrap_or(usize::MAX)).collect())
}

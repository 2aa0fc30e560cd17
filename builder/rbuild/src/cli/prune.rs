//! `rbuild container prune`: removes all containers that do not run.

use super::globals::{Globals, Standing};
use super::ground::Ground;
use super::label::Labels;
use super::out::print;
use super::reclaimed::Reclaimed;
use super::signals::cancel_on_signal;
use crate::args::moment;
use crate::container::{Containers, Entry, size};
use crate::ctx::Place;
use crate::error::{Error, Result};
use clap::Args;
use rbuild_oci::{Cancel, Timestamp};
use std::io::BufRead;
use std::process::ExitCode;

/// Remove all containers that do not run
#[derive(Args, Clone, Debug, Default)]
pub(super) struct PruneArgs {
    /// Do not ask
    #[arg(short, long)]
    pub(super) force: bool,
    /// Only some: until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE]
    #[arg(long = "filter", value_name = "KEY=VALUE")]
    pub(super) filters: Vec<String>,
}

/// Asks, removes, and says what went. Their volumes stay.
pub(super) fn run(args: &PruneArgs, globals: &Globals) -> Result<ExitCode> {
    let store = globals.store()?;
    let standing = Standing::find()?;
    if standing.place == Place::Outside {
        return standing.start_again(store.root(), None);
    }
    let ground = Ground::new(globals, store, standing, Cancel::new())?;
    let filters = Filters::parse(&args.filters, ground.ctx().clock.now())?;
    const WARNING: &str = "WARNING! This will remove all stopped containers.";
    if !args.force && !agreed(WARNING)? {
        return Ok(ExitCode::SUCCESS);
    }
    let _watch = cancel_on_signal(&ground.cancel)?;
    print(&prune(&ground, &filters)?.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// Whether the answer on standard input is yes.
pub(super) fn agreed(warning: &str) -> Result<bool> {
    print(&format!("{warning}\nAre you sure you want to continue? [y/N] "))?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(Error::io("read", "the answer"))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes" | "YES"))
}

fn prune(ground: &Ground, filters: &Filters) -> Result<Reclaimed> {
    let ctx = ground.ctx();
    let containers = Containers::new(ctx.store);
    let (mut gone, mut freed) = (Vec::new(), 0);
    for entry in containers.all()?.into_iter().filter(|entry| filters.keep(entry)) {
        let Some(held) = containers.hold(&entry.config.id)? else { continue };
        freed += size(ctx, &entry.config)?.written;
        containers.remove_alone(held, ground.volumes())?;
        gone.push(entry.config.id);
    }
    Ok(Reclaimed::default().and("Deleted Containers", &gone, freed))
}

/// What containers have to be like.
#[derive(Clone, Debug, Default)]
struct Filters {
    until: Option<Timestamp>,
    labels: Labels,
}

impl Filters {
    fn parse(texts: &[String], now: Timestamp) -> Result<Self> {
        let mut filters = Self::default();
        for text in texts {
            let wrong = |why: &str| Error::Usage(format!("--filter {text:?}: {why}"));
            match text.split_once('=').ok_or_else(|| wrong("write KEY=VALUE"))? {
                ("until", value) => {
                    filters.until = Some(moment::parse("--filter until", value, now)?);
                }
                ("label", value) => filters.labels.with(value),
                ("label!", value) => filters.labels.without(value),
                _ => return Err(wrong("known are until, label and label!")),
            }
        }
        Ok(filters)
    }

    fn keep(&self, entry: &Entry) -> bool {
        let config = &entry.config;
        self.until.is_none_or(|until| config.created < until) && self.labels.keep(&config.labels)
    }
}

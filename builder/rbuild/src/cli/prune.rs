//! What all verbs that prune have in common: they ask, or only tell what would go and why; they remove, and say what
//! went. And `rbuild container prune`, which removes all containers that do not run.

use super::globals::{Globals, Standing, volumes};
use super::label::Labels;
use super::out::print;
use super::reclaimed::Reclaimed;
use super::signals::cancel_on_signal;
use super::would::would;
use crate::args::moment;
use crate::container::Entry;
use crate::ctx::Place;
use crate::error::{Error, Result};
use crate::prune::{Class, Done, Wish, carry_out, plan, refuse_read_only};
use clap::Args;
use rbuild_oci::{Cancel, Timestamp};
use std::collections::BTreeMap;
use std::io::BufRead;
use std::process::ExitCode;

/// How a verb prunes.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct How {
    /// Do not ask
    #[arg(short, long)]
    pub(super) force: bool,
    /// Only tell what would go, how large it is, when it was last used, and why it may go
    #[arg(long)]
    pub(super) dry_run: bool,
    /// With --dry-run: tell what would stay, too, and why
    #[arg(short, long)]
    pub(super) verbose: bool,
}

/// Remove all containers that do not run
#[derive(Args, Clone, Debug, Default)]
pub(super) struct PruneArgs {
    #[command(flatten)]
    pub(super) how: How,
    /// Only some: until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE]
    #[arg(long = "filter", value_name = "KEY=VALUE")]
    pub(super) filters: Vec<String>,
}

/// Asks, removes, and says what went. Their volumes stay.
pub(super) fn run(args: &PruneArgs, globals: &Globals) -> Result<ExitCode> {
    let filters = Filters::parse(&args.filters, &["until=TIME", "label=", "label!="])?;
    let fits = |entry: &Entry| filters.fits(Some(entry.config.created), &entry.config.labels);
    let wish = Wish { containers: Some(&fits), ..Wish::default() };
    prune(&args.how, "WARNING! This will remove all stopped containers.\n", &wish, globals)
}

/// Does what is wished, or tells what that would be. Inside the namespace that the files were written in.
pub(super) fn prune(how: &How, warning: &str, wish: &Wish<'_>, globals: &Globals) -> Result<ExitCode> {
    let store = globals.store()?;
    let standing = Standing::find()?;
    if standing.place == Place::Outside {
        return standing.start_again(store.root(), None);
    }
    if how.dry_run {
        let plan = plan(&store, wish, store.leased_since()?)?;
        print(&would(&plan, how.verbose, std::time::SystemTime::now().into()))?;
        return Ok(ExitCode::SUCCESS);
    }
    refuse_read_only(&store)?;
    if !how.force && !confirmed(warning)? {
        return Ok(ExitCode::SUCCESS);
    }
    let cancel = Cancel::new();
    let _watch = cancel_on_signal(&cancel)?;
    let done = carry_out(&store, wish, &volumes(&store, &cancel)?, &cancel)?;
    print(&reclaimed(&done).to_string())?;
    Ok(ExitCode::SUCCESS)
}

fn reclaimed(done: &Done) -> Reclaimed {
    let bytes = |class: Class| done.bytes.get(&class).copied().unwrap_or_default();
    Reclaimed::default()
        .and("Deleted Containers", &done.containers, bytes(Class::Container))
        .and("Deleted Volumes", &done.volumes, bytes(Class::Volume))
        .and("Deleted Images", &done.images, bytes(Class::Image))
        .and("Deleted build cache objects", &done.cache, bytes(Class::Cache))
}

/// Whether the answer on standard input is yes.
pub(super) fn agreed(warning: &str) -> Result<bool> {
    confirmed(&format!("{warning}\n"))
}

fn confirmed(warning: &str) -> Result<bool> {
    print(&format!("{warning}Are you sure you want to continue? [y/N] "))?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(Error::io("read", "the answer"))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes" | "YES"))
}

/// `--filter` of verbs that prune: what things have to be like.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters {
    /// Made, or last used, before this time.
    pub(super) until: Option<Timestamp>,
    /// Of one of these types.
    pub(super) types: Vec<String>,
    /// With an id that begins so.
    pub(super) ids: Vec<String>,
    labels: Labels,
    /// Whether any label has to be there.
    pub(super) labelled: bool,
    /// Images that have no name only, or all.
    pub(super) dangling: Option<bool>,
}

impl Filters {
    /// Reads filters; a verb takes those of `known` only.
    pub(super) fn parse(texts: &[String], known: &[&str]) -> Result<Self> {
        let (mut filters, now) = (Self::default(), Timestamp::from(std::time::SystemTime::now()));
        for text in texts {
            let wrong = |why: &str| Error::Usage(format!("--filter {text:?}: {why}"));
            let (key, value) = text.split_once('=').ok_or_else(|| wrong("write KEY=VALUE"))?;
            if !known.iter().any(|known| known.split('=').next() == Some(key)) {
                return Err(wrong(&format!("known are {}", known.join(", "))));
            }
            match key {
                "until" => filters.until = Some(moment::parse("--filter until", value, now)?),
                "label" => {
                    filters.labels.with(value);
                    filters.labelled = true;
                }
                "label!" => filters.labels.without(value),
                "type" => filters.types.push(value.to_owned()),
                "id" => filters.ids.push(value.to_owned()),
                _ => {
                    let truth = matches!(value, "true" | "1");
                    let known = truth || matches!(value, "false" | "0");
                    filters.dangling = Some(truth).filter(|_| known);
                    filters.dangling.ok_or_else(|| wrong("neither true nor false"))?;
                }
            }
        }
        Ok(filters)
    }

    /// Whether a thing that was made then and has these labels is meant.
    pub(super) fn fits(&self, created: Option<Timestamp>, labels: &BTreeMap<String, String>) -> bool {
        self.until.is_none_or(|until| created.unwrap_or_default() < until) && self.labels.keep(labels)
    }
}

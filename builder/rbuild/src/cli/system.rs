//! `rbuild system`: what the store takes of the disk, and all that nobody needs removed at once.

use super::df::{DfArgs, df};
use super::globals::Globals;
use super::image::is_meant;
use super::info;
use super::prune::{Filters, How, prune};
use crate::container::Entry;
use crate::error::{Error, Result};
use crate::image::Listed;
use crate::prune::{Cache, Images, Wish};
use clap::{Args, Subcommand};
use rbuild_store::Volume;
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Manage the store
#[derive(Args, Clone, Debug)]
pub(super) struct SystemVerbs {
    /// What to do
    #[command(subcommand)]
    pub(super) verb: SystemVerb,
}

/// What to do with the store.
#[derive(Subcommand, Clone, Debug)]
pub(super) enum SystemVerb {
    Df(DfArgs),
    Info(info::InfoArgs),
    Prune(SystemPruneArgs),
}

/// Remove containers that do not run, images without a name, and unused build cache
#[derive(Args, Clone, Debug, Default)]
pub(super) struct SystemPruneArgs {
    /// Also images that have a name, and all of the build cache
    #[arg(short, long)]
    pub(super) all: bool,
    /// Also anonymous volumes that no container mounts
    #[arg(long)]
    pub(super) volumes: bool,
    #[command(flatten)]
    pub(super) how: How,
    /// Only some: until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE]
    #[arg(long = "filter", value_name = "KEY=VALUE")]
    pub(super) filters: Vec<String>,
}

/// Does it.
pub(super) fn run(args: &SystemVerbs, globals: &Globals) -> Result<ExitCode> {
    match &args.verb {
        SystemVerb::Df(args) => df(args, globals),
        SystemVerb::Info(args) => info::run(args, globals),
        SystemVerb::Prune(args) => prune_all(args, globals),
    }
}

fn prune_all(args: &SystemPruneArgs, globals: &Globals) -> Result<ExitCode> {
    let filters = Filters::parse(&args.filters, &["until=TIME", "label=", "label!="])?;
    if args.volumes && filters.until.is_some() {
        return Err(Error::Usage("the \"until\" filter is not supported with \"--volumes\"".to_owned()));
    }
    let containers = |entry: &Entry| filters.fits(Some(entry.config.created), &entry.config.labels);
    let volumes = |volume: &Volume| volume.is_anonymous() && filters.fits(None, &volume.labels);
    let images = |listed: &Listed| is_meant(&filters, listed);
    // The build cache has no labels.
    let unlabelled = filters.fits(None, &BTreeMap::new());
    let fits = |_: &_| unlabelled;
    let cache = Cache { all: args.all, until: filters.until, fits: &fits, keep: None, nameless: false };
    let wish = Wish {
        containers: Some(&containers),
        volumes: args.volumes.then_some(&volumes as _),
        images: Some(Images { all: args.all, fits: &images }),
        cache: Some(cache).filter(|_| !filters.labelled),
    };
    prune(&args.how, &warning(args), &wish, globals)
}

/// What is said before it is asked, in docker's words.
fn warning(args: &SystemPruneArgs) -> String {
    let mut lines = vec!["all stopped containers"];
    lines.extend(args.volumes.then_some("all anonymous volumes not used by at least one container"));
    lines.extend(if args.all {
        ["all images without at least one container associated to them", "all build cache"]
    } else {
        ["all dangling images", "unused build cache"]
    });
    let mut text = "WARNING! This will remove:\n".to_owned();
    text.extend(lines.iter().map(|line| format!("  - {line}\n")));
    if !args.filters.is_empty() {
        text.push_str("\n  Items to be pruned will be filtered with:\n");
        text.extend(args.filters.iter().map(|filter| format!("  - {filter}\n")));
    }
    text + "\n"
}

//! `rbuild image`: the verbs on images under one roof, as docker has them, and `prune`, which is only there.

use super::globals::Globals;
use super::prune::{Filters, How, prune};
use super::{history, images, import, inspect, load, pull, rmi, tag};
use crate::error::Result;
use crate::image::Listed;
use crate::prune::{Images, Wish};
use clap::{Args, Subcommand};
use std::process::ExitCode;

/// Manage images
#[derive(Args, Clone, Debug)]
pub(super) struct ImageVerbs {
    /// What to do
    #[command(subcommand)]
    pub(super) verb: ImageVerb,
}

/// What to do with images.
#[derive(Subcommand, Clone, Debug)]
pub(super) enum ImageVerb {
    History(history::HistoryArgs),
    Import(import::ImportArgs),
    Inspect(inspect::InspectArgs),
    Load(load::LoadArgs),
    #[command(visible_alias = "list")]
    Ls(images::ImagesArgs),
    Prune(ImagePruneArgs),
    Pull(pull::PullArgs),
    #[command(visible_alias = "remove")]
    Rm(rmi::RmiArgs),
    Tag(tag::TagArgs),
}

/// Remove images that no container uses: those without a name, or all
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ImagePruneArgs {
    /// Also those that have a name
    #[arg(short, long)]
    pub(super) all: bool,
    #[command(flatten)]
    pub(super) how: How,
    /// Only some: until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE], dangling=BOOL
    #[arg(long = "filter", value_name = "KEY=VALUE")]
    pub(super) filters: Vec<String>,
}

/// Does it.
pub(super) fn run(args: &ImageVerbs, globals: &Globals) -> Result<ExitCode> {
    match &args.verb {
        ImageVerb::History(args) => history::run(args, globals),
        ImageVerb::Import(args) => import::run(args, globals),
        ImageVerb::Inspect(args) => inspect::run_as(args, globals, inspect::Kind::Image),
        ImageVerb::Load(args) => load::run(args, globals),
        ImageVerb::Ls(args) => images::run(args, globals),
        ImageVerb::Prune(args) => prune_images(args, globals),
        ImageVerb::Pull(args) => pull::run(args, globals),
        ImageVerb::Rm(args) => rmi::run(args, globals),
        ImageVerb::Tag(args) => tag::run(args, globals),
    }
}

fn prune_images(args: &ImagePruneArgs, globals: &Globals) -> Result<ExitCode> {
    let filters = Filters::parse(&args.filters, &["until=TIME", "label=", "label!=", "dangling=BOOL"])?;
    let all = filters.dangling.map_or(args.all, |dangling| !dangling);
    let fits = |listed: &Listed| is_meant(&filters, listed);
    let wish = Wish { images: Some(Images { all, fits: &fits }), ..Wish::default() };
    let warning = if all {
        "WARNING! This will remove all images without at least one container associated to them.\n"
    } else {
        "WARNING! This will remove all dangling images.\n"
    };
    prune(&args.how, warning, &wish, globals)
}

/// Whether filters mean an image.
pub(super) fn is_meant(filters: &Filters, listed: &Listed) -> bool {
    let config = &listed.image.config;
    filters.fits(config.created, &config.config.labels)
}

//! `rbuild manifest`: one name for the images of several platforms, made, shown, changed, sent; one file a verb. A list of
//! the store is a tag that points at an index.

mod annotate;
mod create;
mod inspect;
mod list;
mod push;
mod rm;

pub use annotate::{AnnotateArgs, annotate};
pub use create::{CreateArgs, create};
pub use inspect::{InspectArgs, inspect};
pub use push::{PushArgs, push};
pub use rm::RmArgs;

use super::globals::Globals;
use super::out::print;
use super::signals::cancel_on_signal;
use crate::error::Result;
use crate::import::Ways;
use clap::{Args, Subcommand};
use rbuild_oci::{Cancel, Timestamp};
use std::process::ExitCode;

/// Put images for several platforms under one name
#[derive(Args, Clone, Debug)]
pub struct ManifestArgs {
    /// What to do
    #[command(subcommand)]
    pub verb: ManifestVerb,
}

/// What to do with lists of images.
#[derive(Subcommand, Clone, Debug)]
pub enum ManifestVerb {
    /// Say which platform an image of a list is for
    Annotate(AnnotateArgs),
    /// Make a list of images
    Create(CreateArgs),
    /// Show a manifest or a list, of the store or of a registry
    Inspect(InspectArgs),
    /// Send a list with its images to a registry
    Push(PushArgs),
    /// Remove lists
    Rm(RmArgs),
}

/// Does it.
pub fn run(args: &ManifestArgs, globals: &Globals) -> Result<ExitCode> {
    if let ManifestVerb::Rm(args) = &args.verb {
        return rm::run(args, globals);
    }
    let cancel = Cancel::new();
    let store = globals.store_until(&cancel)?;
    let _watch = cancel_on_signal(&cancel)?;
    let client = globals.registries(&cancel);
    let open = || Ok(store.clone());
    let ways = Ways { client: &client, store: &open, cancel: &cancel };
    let now: Timestamp = std::time::SystemTime::now().into();
    let text = match &args.verb {
        ManifestVerb::Annotate(args) => annotate(args, &store, now)?,
        ManifestVerb::Create(args) => create(args, &store, &ways, now)?,
        ManifestVerb::Inspect(args) => inspect(args, &store, &ways)?,
        ManifestVerb::Push(args) => format!("{}\n", push(args, &store, (&client, &cancel))?.digest),
        ManifestVerb::Rm(_) => String::new(),
    };
    print(&text)?;
    match &args.verb {
        ManifestVerb::Push(PushArgs { purge: true, list, .. }) => {
            rm::run(&RmArgs { lists: vec![list.clone()] }, globals)
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

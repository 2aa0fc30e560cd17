//! `rbuild manifest create`: a list of images of the store and of registries.

use super::list::List;
use crate::args::Endpoint;
use crate::error::{Error, Result};
use crate::image;
use crate::import::{Found, Local, Outside, Part, Ways, keep, source};
use clap::Args;
use rbuild_oci::{Descriptor, Index, Reference, Timestamp};
use rbuild_store::Store;
use std::sync::Arc;

/// Which list to make, of what.
#[derive(Args, Clone, Debug)]
pub struct CreateArgs {
    /// Name of the list
    #[arg(value_name = "LIST")]
    pub list: Reference,
    /// Images, by name or id; those that are not in the store are got from their registry. Of a list, all its images
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,
    /// Add to a list that is there
    #[arg(short, long)]
    pub amend: bool,
}

/// Makes the list at that time, and says its name.
pub fn create(args: &CreateArgs, store: &Store, ways: &Ways<'_>, now: Timestamp) -> Result<String> {
    store.lease()?;
    let mut list = begin(args, store)?;
    let mut images = Vec::new();
    for text in &args.images {
        images.extend(entries(&bring(text, store, ways, now)?, store)?);
    }
    loop {
        for entry in &images {
            list.put(entry.clone());
        }
        if list.save(store, now)? {
            return Ok(format!("Created manifest list {}\n", args.list));
        }
        list = begin(args, store)?;
    }
}

/// The list as it is now.
fn begin(args: &CreateArgs, store: &Store) -> Result<List> {
    match List::find(store, &args.list)? {
        Some(_) if !args.amend => {
            let reason = format!("there is a list {}: --amend adds to it", args.list.familiar());
            Err(Error::Usage(reason))
        }
        Some(list) => Ok(list),
        None => List::new(args.list.clone()),
    }
}

/// What an image is in the store; it is brought there if it is not.
fn bring(text: &str, store: &Store, ways: &Ways<'_>, now: Timestamp) -> Result<Descriptor> {
    let missing = match image::target(store, text) {
        Ok((target, _)) => return Ok(target),
        Err(error @ Error::NotFound { .. }) => error,
        Err(error) => return Err(error),
    };
    let Ok(reference) = text.parse() else { return Err(missing) };
    let outside = ways.find(&Endpoint::Registry(reference))?;
    let target = outside.part(&Part::All)?;
    keep(&source::whole(&outside.blobs, &target)?, &[], store, now, (ways.cancel, &|_, _| ()))?;
    Ok(target)
}

/// The images that a manifest or an index is, each with its platform.
fn entries(target: &Descriptor, store: &Store) -> Result<Vec<Descriptor>> {
    let outside = Outside { blobs: Arc::new(Local::new(store)), targets: vec![target.clone()] };
    if target.media_type.is_index() {
        let missing = || rbuild_store::Error::Missing { what: "document", subject: target.digest.to_string() };
        return Ok(Index::from_json(&store.document(&target.digest)?.ok_or_else(missing)?)?.manifests);
    }
    let found = Found::read(&outside.blobs, target)?;
    let plain = Descriptor::new(target.media_type.clone(), target.digest, target.size);
    Ok(vec![Descriptor { platform: found.platform(), ..plain }])
}

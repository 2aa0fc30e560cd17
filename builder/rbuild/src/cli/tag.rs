//! `rbuild tag`: one more name for an image.

use super::globals::Globals;
use crate::error::Result;
use crate::image;
use clap::Args;
use rbuild_oci::Timestamp;
use rbuild_store::Store;
use std::process::ExitCode;

/// Give an image one more name
#[derive(Args, Clone, Debug)]
pub struct TagArgs {
    /// Image, by name or id
    #[arg(value_name = "IMAGE")]
    pub source: String,
    /// The new name, `name[:tag]`
    #[arg(value_name = "NAME[:TAG]")]
    pub target: String,
}

/// Sets the tag.
pub fn run(args: &TagArgs, globals: &Globals) -> Result<ExitCode> {
    let store = globals.store()?;
    store.lease()?;
    tag(args, &store, std::time::SystemTime::now().into())?;
    Ok(ExitCode::SUCCESS)
}

/// Sets the tag at that time.
pub fn tag(args: &TagArgs, store: &Store, now: Timestamp) -> Result<()> {
    let target = image::new_name(&args.target)?;
    let image = image::find(store, &args.source, None)?;
    image.settle(store)?;
    Ok(store.refs().set(&[(target, image.target)], now)?)
}

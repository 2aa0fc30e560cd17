//! `rbuild volume rm`.

use super::missing;
use crate::container::{Containers, VolumeDrivers};
use crate::error::{Error, Result};
use clap::Args;
use rbuild_store::Store;

/// Which volumes to remove.
#[derive(Args, Clone, Debug, Default)]
pub struct RmArgs {
    /// Volumes
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// Fine if there is no such volume; forget one whose plugin does not remove it
    #[arg(short, long)]
    pub force: bool,
}

/// Removes a volume that no container mounts and gives the line that says so.
pub fn remove(args: &RmArgs, store: &Store, drivers: &VolumeDrivers, name: &str) -> Result<String> {
    let removed = match Containers::new(store).remove_volume(name, drivers) {
        Err(Error::Store(error @ rbuild_store::Error::Driver { .. })) if args.force => {
            Some(drivers.forget(name)?.ok_or(error)?)
        }
        other => other?,
    };
    match removed {
        Some(removed) => removed.finish()?,
        None if args.force => {}
        None => return Err(missing(name)),
    }
    Ok(format!("{name}\n"))
}

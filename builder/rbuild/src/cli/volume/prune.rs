//! `rbuild volume prune`: removes the volumes of the driver `local` that no container mounts; those that have a name
//! only where all are asked for.

use super::filter::Filter;
use crate::cli::reclaimed::Reclaimed;
use crate::container::{Containers, VolumeDrivers};
use crate::error::{Error, Result};
use clap::Args;
use rbuild_store::{LOCAL, Store, Usage, VolumeDriver};

/// Which volumes to remove.
#[derive(Args, Clone, Debug, Default)]
pub struct PruneArgs {
    /// Also those that have a name
    #[arg(short, long)]
    pub all: bool,
    /// Do not ask
    #[arg(short, long)]
    pub force: bool,
    /// Only some: label=KEY[=VALUE], label!=KEY[=VALUE]
    #[arg(long = "filter", value_name = "KEY=VALUE")]
    pub filters: Vec<String>,
}

impl PruneArgs {
    /// What is said before it is asked, in docker's words.
    pub(super) fn warning(&self) -> &'static str {
        if self.all {
            "WARNING! This will remove all local volumes not used by at least one container."
        } else {
            "WARNING! This will remove anonymous local volumes not used by at least one container."
        }
    }
}

/// Removes them, and says what went.
pub fn prune(args: &PruneArgs, store: &Store, drivers: &VolumeDrivers) -> Result<String> {
    let filter = Filter::parse(&args.filters, &["all=BOOL", "label=", "label!="])?;
    let all = args.all || filter.all == Some(true);
    let containers = Containers::new(store);
    let (mut gone, mut freed) = (Vec::new(), 0);
    for volume in store.volumes().list()? {
        let chosen = volume.driver == LOCAL && (all || volume.is_anonymous()) && filter.keeps(&volume);
        if !chosen || !containers.with_volume(&volume.name)?.is_empty() {
            continue;
        }
        let size = Usage::alone(volume.mountpoint.parent().unwrap_or(&volume.mountpoint))?;
        match containers.remove_volume(&volume.name, drivers) {
            // A container that was made meanwhile.
            Err(Error::VolumeInUse { .. }) | Ok(None) => {}
            removed => {
                removed?.unwrap_or_default().finish()?;
                freed += size;
                gone.push(volume.name);
            }
        }
    }
    Ok(Reclaimed::default().and("Deleted Volumes", &gone, freed).to_string())
}

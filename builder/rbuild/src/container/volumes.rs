//! What a container needs of volume drivers: a volume that is there, and where its files are. Knows no driver.

use super::id::ContainerId;
use super::mount::Volume;
use crate::error::{Error, Result};
use rbuild_store::RootDir;
use rbuild_store::volume::VolumeDriver;
use std::path::PathBuf;

/// A volume in use by a container.
#[derive(Debug)]
pub(super) struct Mounted {
    /// Where its files are.
    pub(super) path: PathBuf,
}

/// Makes the volume if it is missing and finds its files.
pub(super) fn take(drivers: &dyn VolumeDriver, volume: &Volume, user: &ContainerId) -> Result<Mounted> {
    let name = volume.name.as_deref().unwrap_or_default();
    drivers.create(name, &volume.options, &volume.labels)?;
    Ok(Mounted { path: drivers.mount(name, user.hex())? })
}

/// The container has ended.
pub(super) fn release(drivers: &dyn VolumeDriver, volume: &Volume, user: &ContainerId) -> Result<()> {
    Ok(drivers.unmount(volume.name.as_deref().unwrap_or_default(), user.hex())?)
}

/// Removes a volume; fine if it is gone already.
pub(super) fn remove(drivers: &dyn VolumeDriver, name: &str) -> Result<()> {
    match drivers.remove(name) {
        Err(error) if error.is_not_found() => Ok(()),
        other => Ok(other?),
    }
}

/// The directory `path` in a volume, links followed inside it.
pub(super) fn subpath(root: &RootDir, name: &str, path: &str) -> Result<RootDir> {
    match root.subroot(path.as_bytes()) {
        Err(error) if error.is_not_found() => {
            Err(Error::Usage(format!("volume {name} has no directory {path:?}: make it first, or leave volume-subpath out")))
        }
        other => Ok(other?),
    }
}

//! What a container needs of a volume driver: a volume that is there, and where its files are. Knows no driver.

use crate::container::model::Volume;
use crate::error::{Error, Result};
use rbuild_oci::Timestamp;
use rbuild_store::RootDir;
use rbuild_store::{NewVolume, VolumeDriver};
use std::path::PathBuf;

/// Makes the volume if it is missing; the directory of its files.
pub(crate) fn take(driver: &dyn VolumeDriver, volume: &Volume, now: Timestamp) -> Result<PathBuf> {
    if let Some(wanted) = volume.driver.as_deref().filter(|wanted| *wanted != driver.name()) {
        return Err(Error::Usage(format!("there is no volume driver {wanted:?}: there is {}", driver.name())));
    }
    let new = NewVolume { name: volume.name.clone(), labels: volume.labels.clone(), options: volume.options.clone() };
    Ok(driver.create(&new, now)?.mountpoint)
}

/// The directory `path` in a volume, links followed inside it.
pub(crate) fn subpath(root: &RootDir, name: &str, path: &str) -> Result<RootDir> {
    match root.subroot(path.as_bytes()) {
        Err(error) if error.is_not_found() => Err(Error::Usage(format!(
            "volume {name} has no directory {path:?}: make it first, or leave volume-subpath out"
        ))),
        other => Ok(other?),
    }
}

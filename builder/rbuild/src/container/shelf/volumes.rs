//! What containers mean for volumes: which are in use, which were mounted and not let go of. Knows no driver and mounts
//! nothing.
//!
//! A container is written down, under the bucket's lock, before its volumes are made. A volume that is to go is locked
//! under the same lock, once no container names it, and whoever asks for it from then on waits until it is gone, and
//! gets a new one: so a volume that a container names is never taken away, and nobody else waits for a slow driver.

use super::containers::Containers;
use super::held::{Held, read_state};
use super::state::State;
use crate::container::model::ContainerId;
use crate::error::{Error, Result};
use rbuild_store::{Going, Removed, VolumeDriver, VolumeRecords, if_there};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

impl Containers {
    /// Removes a volume that no container mounts, of whatever driver; none if there is none of that name.
    pub fn remove_volume(&self, name: &str, volumes: &dyn VolumeDriver) -> Result<Option<Removed>> {
        let records = self.store().volume_records();
        loop {
            if let Some(_going) = self.let_go(name, &records)? {
                return Ok(volumes.remove(name)?);
            }
            records.get_settled(name)?;
        }
    }

    /// Keeps containers from taking a volume that none of them mounts; none while somebody else does.
    fn let_go(&self, name: &str, records: &VolumeRecords) -> Result<Option<Going>> {
        let _lock = self.lock()?;
        let users = self.with_volume(name)?;
        if users.is_empty() {
            return Ok(records.going(name)?);
        }
        let users: Vec<&str> = users.iter().map(ContainerId::hex).collect();
        Err(Error::VolumeInUse { name: name.to_owned(), users: users.join(", ") })
    }
}

/// There while a driver may have volumes mounted for the container that it has to be told to unmount.
const MOUNTED: &str = "volumes-mounted";

impl Held {
    /// Whether it never ran.
    pub(crate) fn is_new(&self) -> Result<bool> {
        Ok(read_state(self.dir(), self.id())? == State::Created)
    }

    /// To be called before a driver that minds mounts a volume for this container.
    pub(crate) fn note_mounted(&self) -> Result<()> {
        let path = mark(self.dir());
        fs::write(&path, b"").map_err(Error::io("write", path.display()))
    }

    /// Tells the drivers of all volumes of the container that it needs them no more. What could not be told is told by
    /// the next who removes or starts it, or by a sweep.
    pub(crate) fn unmount(&self, volumes: &dyn VolumeDriver) -> Result<()> {
        let path = mark(self.dir());
        if !path.exists() {
            return Ok(());
        }
        let names = self.config().volume_names();
        let told: Vec<_> = names.into_iter().map(|name| volumes.unmount(name, self.id().hex())).collect();
        if let Some(failed) = told.into_iter().find_map(rbuild_store::Result::err) {
            fs::write(&path, TRIED).map_err(Error::io("write", path.display()))?;
            return Err(failed.into());
        }
        if_there(fs::remove_file(&path)).map_err(Error::io("remove", path.display())).map(drop)
    }
}

/// What the mark holds once a driver did not listen.
const TRIED: &[u8] = b"tried";

/// How long a sweep leaves a driver alone that did not listen: nobody is to wait for it each time.
const PAUSE: Duration = Duration::from_mins(1);

/// Whether drivers are still to be told that the container in `dir` has ended, and a sweep may try.
pub(super) fn is_untold(dir: &Path) -> bool {
    let path = mark(dir);
    let Ok(meta) = fs::metadata(&path) else { return false };
    let age = meta.modified().ok().and_then(|then| then.elapsed().ok());
    meta.len() == 0 || age.is_some_and(|age| age > PAUSE)
}

fn mark(dir: &Path) -> PathBuf {
    dir.join(MOUNTED)
}

//! Which volumes there are, of whatever driver: each is `volumes.v1/<name>/` with its description in `volume.json`. A
//! volume appears and disappears by one rename. Knows no driver's way to keep files.

use super::{LOCAL, Volume, check_volume_name};
use crate::error::{Error, Result, if_there};
use crate::layout::{Bucket, Store};
use crate::lock::Lock;
use crate::root_dir::RootDir;
use crate::tmp::TmpDir;
use rbuild_oci::to_canonical_json;
use std::fs;
use std::path::PathBuf;

/// The descriptions of the volumes of a store.
#[derive(Clone, Debug)]
pub struct VolumeRecords {
    store: Store,
}

/// A volume that is being removed: who asks for it meanwhile waits until this is dropped.
#[derive(Debug)]
pub struct Going {
    _lock: Option<Lock>,
}

/// What was a volume of the store. Its name is free; its files go when this is finished or dropped.
#[derive(Debug, Default)]
pub struct Removed {
    trash: Option<TmpDir>,
}

impl Store {
    /// The descriptions of all volumes of this store.
    pub fn volume_records(&self) -> VolumeRecords {
        VolumeRecords { store: self.clone() }
    }
}

/// Where a volume of the local driver has its files.
pub(super) const DATA: &str = "_data";
const DESCRIPTION: &str = "volume.json";

impl VolumeRecords {
    /// All volumes, sorted by name.
    pub fn list(&self) -> Result<Vec<Volume>> {
        let bucket = self.store.dir(Bucket::Volumes);
        let mut volumes = Vec::new();
        for entry in RootDir::open(&bucket)?.list(b"")? {
            let name = String::from_utf8(entry.name).unwrap_or_default();
            if check_volume_name(&name).is_ok() {
                volumes.extend(self.get(&name)?);
            }
        }
        Ok(volumes)
    }

    /// The volume of that name.
    pub fn get(&self, name: &str) -> Result<Option<Volume>> {
        let place = self.place(check_volume_name(name)?);
        let path = place.join(DESCRIPTION);
        let read = if_there(fs::read(&path)).map_err(Error::io("read", path.display()))?;
        let Some(bytes) = read else { return Ok(None) };
        let damaged = |source: serde_json::Error| Error::Corrupt {
            what: "volume",
            subject: name.to_owned(),
            reason: source.to_string(),
        };
        let mut volume: Volume = serde_json::from_slice(&bytes).map_err(damaged)?;
        if volume.driver == LOCAL {
            // The store may have moved since.
            volume.mountpoint = place.join(DATA);
        }
        Ok(Some(volume))
    }

    /// The same, once nobody is removing it any more.
    pub fn get_settled(&self, name: &str) -> Result<Option<Volume>> {
        if let Some(lock) = self.lock(name)? {
            lock.share()?;
        }
        self.get(name)
    }

    /// Keeps everybody waiting who asks for the volume with [`VolumeRecords::get_settled`], whether it is removed or not,
    /// and whether it is there or not; none while somebody else does, or asks.
    pub fn going(&self, name: &str) -> Result<Option<Going>> {
        let lock = self.lock(name)?;
        let taken = lock.as_ref().map_or(Ok(true), Lock::try_take)?;
        Ok(taken.then_some(Going { _lock: lock }))
    }

    /// Its directory, to be locked.
    fn lock(&self, name: &str) -> Result<Option<Lock>> {
        match Lock::open_existing(&self.place(check_volume_name(name)?)) {
            Err(error) if error.is_not_found() => Ok(None),
            lock => lock.map(Some),
        }
    }

    /// Remembers a new volume, with an empty directory for its files where they are kept here; the one that has the name
    /// already where there is one.
    pub fn add(&self, volume: Volume) -> Result<Volume> {
        let place = self.place(check_volume_name(&volume.name)?);
        let fresh = self.store.tmp_dir()?;
        if volume.driver == LOCAL {
            let data = fresh.path().join(DATA);
            fs::create_dir(&data).map_err(Error::io("create", data.display()))?;
        }
        let description = fresh.path().join(DESCRIPTION);
        fs::write(&description, to_canonical_json(&volume)?).map_err(Error::io("write", description.display()))?;
        if fresh.persist_new(&place)? {
            return Ok(volume);
        }
        let missing = || Error::Missing { what: "volume", subject: volume.name.clone() };
        self.get(&volume.name)?.ok_or_else(missing)
    }

    /// Forgets a volume, with its files where they are kept here; none if there is none of that name.
    pub fn remove(&self, name: &str) -> Result<Option<Removed>> {
        let place = self.place(check_volume_name(name)?);
        match self.store.discard(&place) {
            Err(error) if error.is_not_found() => Ok(None),
            trash => Ok(Some(Removed { trash: Some(trash?) })),
        }
    }

    /// Where the volume is, or would be.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.store.dir(Bucket::Volumes).join(name)
    }
}

impl Removed {
    /// Removes the files that are left, and says what went wrong with that.
    pub fn finish(self) -> Result<()> {
        self.trash.map_or(Ok(()), TmpDir::remove)
    }
}

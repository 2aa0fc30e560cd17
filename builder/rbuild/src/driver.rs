//! The storage driver, chosen when the first step needs one: a build that finds everything in its cache never tries a
//! mount. Knows no step.

use crate::error::{Error, Result};
use rbuild_runner::IdMap;
use rbuild_runner::userns::Fidelity;
use rbuild_store::layer::{OpaqueXattr, Ownership};
use rbuild_store::snapshot::{Chosen, Snapshotter, Wish, choose};
use rbuild_store::{Bucket, Store};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

/// The way to the storage driver.
pub struct Drivers {
    bucket: PathBuf,
    ids: IdMap,
    wanted: Option<String>,
    chosen: OnceLock<Chosen>,
    choosing: Mutex<()>,
}

impl Drivers {
    /// The drivers for a store and the ids of this process; `wanted` is one by name.
    pub fn new(store: &Store, ids: IdMap, wanted: Option<String>) -> Self {
        let bucket = store.dir(Bucket::Snapshots);
        Self { bucket, ids, wanted, chosen: OnceLock::new(), choosing: Mutex::default() }
    }

    /// The driver.
    pub fn get(&self) -> Result<&dyn Snapshotter> {
        Ok(&*self.chosen()?.driver)
    }

    /// The driver with its name and why it is this one.
    pub fn chosen(&self) -> Result<&Chosen> {
        let _turn = self.choosing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.chosen.get().is_none() {
            let id_map = self.ids.to_string();
            let chosen = choose(Wish {
                bucket: &self.bucket,
                id_map: &id_map,
                driver: self.wanted.as_deref(),
                marks: if self.ids == IdMap::Root { OpaqueXattr::Trusted } else { OpaqueXattr::User },
                ownership: self.ownership(),
            })?;
            drop(self.chosen.set(chosen));
        }
        self.chosen.get().ok_or_else(|| Error::Step("there is no storage driver".to_owned()))
    }

    /// Whether files can be given to others here.
    pub fn ownership(&self) -> Ownership {
        match self.ids.fidelity() {
            Fidelity::Full => Ownership::Apply,
            Fidelity::SingleId => Ownership::Recorded,
        }
    }
}

impl std::fmt::Debug for Drivers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Drivers({})", self.bucket.display())
    }
}

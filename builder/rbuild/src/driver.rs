//! The storage driver, chosen when the first step needs one: a build that finds everything in its cache never tries a
//! mount. Knows no step.

use crate::error::{Error, Result};
use rbuild_runner::IdMap;
use rbuild_runner::userns::Fidelity;
use rbuild_store::layer::{OpaqueXattr, Ownership};
use rbuild_store::snapshot::{Chosen, Snapshotter, Wish, choose, describe};
use rbuild_store::{Bucket, Store};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

/// The way to the storage driver.
pub struct Drivers {
    bucket: PathBuf,
    ids: IdMap,
    wanted: Option<String>,
    dataset: Option<String>,
    chosen: OnceLock<Chosen>,
    choosing: Mutex<()>,
}

impl Drivers {
    /// The drivers for a store and the ids of this process; `wanted` is one by name.
    pub fn new(store: &Store, ids: IdMap, wanted: Option<String>) -> Self {
        let bucket = store.dir(Bucket::Snapshots);
        Self { bucket, ids, wanted, dataset: None, chosen: OnceLock::new(), choosing: Mutex::default() }
    }

    /// The same with a dataset for the zfs driver to work in.
    #[must_use]
    pub fn in_dataset(self, dataset: Option<String>) -> Self {
        Self { dataset, ..self }
    }

    /// The driver.
    pub fn get(&self) -> Result<&dyn Snapshotter> {
        Ok(&*self.chosen()?.driver)
    }

    /// The driver with its name and why it is this one.
    pub fn chosen(&self) -> Result<&Chosen> {
        let _turn = self.choosing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.chosen.get().is_none() {
            drop(self.chosen.set(choose(self.wish(&self.ids.to_string()))?));
        }
        self.chosen.get().ok_or_else(|| Error::Step("there is no storage driver".to_owned()))
    }

    /// What is worth telling of the driver, and why the others are not the one; see [`describe`].
    pub fn describe(&self) -> Result<Vec<(String, String)>> {
        Ok(describe(self.wish(&self.ids.to_string()), self.chosen()?)?)
    }

    fn wish<'a>(&'a self, id_map: &'a str) -> Wish<'a> {
        Wish {
            bucket: &self.bucket,
            id_map,
            driver: self.wanted.as_deref(),
            marks: if self.ids == IdMap::Root { OpaqueXattr::Trusted } else { OpaqueXattr::User },
            ownership: self.ownership(),
            dataset: self.dataset.as_deref(),
        }
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

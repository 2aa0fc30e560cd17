//! The records of a depot, as a backend that is only read. Knows no medium, and keeps nothing near.

use crate::backend::CacheBackend;
use crate::depot::{Depot, Kind, Name};
use crate::error::{Error, Result};
use crate::key::CacheKey;
use crate::parcel::Parcel;
use crate::record::{Output, Record};
use crate::trail::{StepName, Trail};
use rbuild_oci::Descriptor;
use std::sync::Arc;

/// The largest list of files that is read, in bytes.
const LIST_LIMIT: u64 = 16 << 20;

/// Told of each record that was found, before anybody relies on it: where its layer can be had from. False where that is
/// known to be of no use.
pub type Found = dyn Fn(&Parcel) -> Result<bool> + Send + Sync;

/// Records that are far away. One that cannot be believed counts as none, and is named to who listens for warnings.
pub struct Distant {
    depot: Arc<dyn Depot>,
    name: String,
    found: Box<Found>,
    warn: Box<dyn Fn(&str) + Send + Sync>,
}

impl Distant {
    /// The records of a depot.
    pub fn new(depot: Arc<dyn Depot>, found: Box<Found>, warn: Box<dyn Fn(&str) + Send + Sync>) -> Self {
        Self { name: depot.to_string(), depot, found, warn }
    }

    fn read(&self, key: &CacheKey) -> Result<Option<Record>> {
        let whole = self.read_as(Kind::Record, key)?;
        if whole.is_some() { Ok(whole) } else { self.read_as(Kind::Trace, key) }
    }

    fn read_as(&self, kind: Kind, key: &CacheKey) -> Result<Option<Record>> {
        let name = Name::new(kind, key.digest());
        let Some(bytes) = self.depot.document(&name)? else { return Ok(None) };
        let parcel = Parcel::read(key, &bytes).map_err(|reason| Error::depot(&*self.depot, "use", name, reason))?;
        // What was pinned lies where it was found.
        if matches!(parcel.record.output, Output::Pinned { .. }) {
            return Ok(None);
        }
        Ok((self.found)(&parcel)?.then_some(parcel.record))
    }
}

impl std::fmt::Debug for Distant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Distant({})", self.name)
    }
}

impl CacheBackend for Distant {
    fn name(&self) -> &str {
        &self.name
    }

    fn get(&self, key: &CacheKey) -> Result<Option<Record>> {
        self.read(key).or_else(|error| {
            (self.warn)(&error.to_string());
            Ok(None)
        })
    }

    fn trail(&self, step: &StepName) -> Result<Trail> {
        let bytes = self.depot.document(&Name::from(*step))?;
        Ok(bytes.map(|bytes| Trail::read(&bytes)).unwrap_or_default())
    }

    fn files(&self, list: &Descriptor) -> Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        let found = list.size <= LIST_LIMIT && self.depot.pour(list, &mut bytes)?;
        Ok(found.then_some(bytes))
    }

    /// Keeps nothing: what goes out has its own way.
    fn put(&self, _: &Record) -> Result<()> {
        Ok(())
    }
}

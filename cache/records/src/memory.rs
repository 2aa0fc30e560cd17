//! Records in memory, for tests and for builds that must leave nothing.

use crate::backend::CacheBackend;
use crate::error::Result;
use crate::key::CacheKey;
use crate::record::Record;
use crate::trail::{StepName, Trace, Trail};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Keeps records for the life of the process.
#[derive(Debug, Default)]
pub struct MemoryBackend {
    records: Mutex<BTreeMap<CacheKey, Record>>,
    trails: Mutex<BTreeMap<StepName, Trail>>,
}

impl CacheBackend for MemoryBackend {
    fn name(&self) -> &str {
        "memory"
    }

    fn get(&self, key: &CacheKey) -> Result<Option<Record>> {
        Ok(self.records.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn put(&self, record: &Record) -> Result<()> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).insert(record.key(), record.clone());
        Ok(())
    }

    fn trail(&self, step: &StepName) -> Result<Trail> {
        Ok(self.trails.lock().unwrap_or_else(PoisonError::into_inner).get(step).cloned().unwrap_or_default())
    }

    fn trace(&self, step: &StepName, trace: &Trace) -> Result<()> {
        let mut trails = self.trails.lock().unwrap_or_else(PoisonError::into_inner);
        let trail = trails.entry(*step).or_default();
        *trail = std::mem::take(trail).with(trace.clone());
        Ok(())
    }
}

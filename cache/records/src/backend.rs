//! What every place that keeps records can do.

use crate::error::Result;
use crate::key::CacheKey;
use crate::record::Record;
use crate::trail::{StepName, Trace, Trail};
use rbuild_oci::Descriptor;

/// A place that keeps records by key. Writing a key again replaces the record; both calls are safe from many threads
/// and processes at once.
pub trait CacheBackend: Send + Sync {
    /// A short name for messages: "local", "memory".
    fn name(&self) -> &str;

    /// The record of that key. A damaged record, or one whose recipe does not hash to the key, counts as none.
    fn get(&self, key: &CacheKey) -> Result<Option<Record>>;

    /// Keeps a record under the key of its recipe.
    fn put(&self, record: &Record) -> Result<()>;

    /// The latest results of the steps of that name; empty where none are kept.
    fn trail(&self, step: &StepName) -> Result<Trail> {
        let _ = step;
        Ok(Trail::default())
    }

    /// Adds a result to a step's trail. Of two that add at once one may be lost: a trail is a hint.
    fn trace(&self, step: &StepName, trace: &Trace) -> Result<()> {
        let _ = (step, trace);
        Ok(())
    }

    /// The list of files that a trace speaks of, where the trace came from a place that keeps such lists itself; unverified.
    fn files(&self, list: &Descriptor) -> Result<Option<Vec<u8>>> {
        let _ = list;
        Ok(None)
    }
}

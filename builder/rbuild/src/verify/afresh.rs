//! A build cache that knows what names and addresses meant, and of steps only those of this very build. Knows no step.

use super::Trace;
use crate::ctx::Written;
use rbuild_records::{CacheBackend, CacheKey, LocalBackend, MemoryBackend, Output, Record, Result, StepName};
use std::path::PathBuf;

/// The records of a store without its steps: those of this build stay in memory.
#[derive(Debug)]
pub struct Afresh<'a> {
    store: &'a LocalBackend,
    made: MemoryBackend,
    trace: &'a Trace,
}

impl<'a> Afresh<'a> {
    /// On the records of a store, with no step known; `trace` learns of what steps leave besides.
    pub fn new(store: &'a LocalBackend, trace: &'a Trace) -> Self {
        Self { store, made: MemoryBackend::default(), trace }
    }
}

impl CacheBackend for Afresh<'_> {
    fn name(&self) -> &str {
        "afresh"
    }

    fn get(&self, key: &CacheKey) -> Result<Option<Record>> {
        if let Some(record) = self.made.get(key)? {
            return Ok(Some(record));
        }
        Ok(self.store.get(key)?.filter(is_answer))
    }

    fn put(&self, record: &Record) -> Result<()> {
        if is_answer(record) { self.store.put(record) } else { self.made.put(record) }
    }

    /// Keeps no trail: the lists of files that it speaks of will go.
    fn trace(&self, _: &StepName, trace: &rbuild_records::Trace) -> Result<()> {
        self.trace.note(trace.files.as_ref().map(|list| list.digest));
        Ok(())
    }
}

/// No tag rests on it.
impl Written for Afresh<'_> {
    fn take_written(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// Whether it says what is outside, and not what a step made.
const fn is_answer(record: &Record) -> bool {
    matches!(record.output, Output::Pinned { .. })
}

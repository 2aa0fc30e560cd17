//! The records as a step sees them: near ones first, then far ones, which are kept near. Knows no medium.

use super::{Origin, Sharing};
use rbuild_oci::Descriptor;
use rbuild_records::{CacheBackend, CacheKey, Output, Record, Result, StepName, Trace, Trail};

/// Whether a step is one of the images of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// It is.
    Image,
    /// It only serves one.
    Aside,
}

/// The caches of a build for the steps of one scope.
#[derive(Clone, Copy, Debug)]
pub struct Shared<'a> {
    sharing: Sharing<'a>,
    scope: Scope,
}

impl<'a> Shared<'a> {
    pub(super) const fn new(sharing: Sharing<'a>, scope: Scope) -> Self {
        Self { sharing, scope }
    }

    /// Whether a near record leads anywhere, so that no far one is needed.
    fn is_enough(&self, record: &Record) -> Result<bool> {
        let Output::Layer { layer, .. } = &record.output else { return Ok(true) };
        Ok(self.sharing.far.is_empty() || self.sharing.store.layers().has(&layer.diff_id)?)
    }

    fn find_far(&self, key: &CacheKey) -> Result<Option<Record>> {
        for far in self.sharing.far {
            if let Some(record) = far.get(key)? {
                self.sharing.near.put(&record)?;
                self.sharing.outbox.known(far.name(), key);
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}

impl CacheBackend for Shared<'_> {
    fn name(&self) -> &str {
        "shared"
    }

    fn get(&self, key: &CacheKey) -> Result<Option<Record>> {
        let near = self.sharing.near.get(key)?;
        let found = match near {
            Some(record) if self.is_enough(&record)? => Some(record),
            // One that only leads to where a layer was once is worth no more than what that place says now.
            _ => self.find_far(key)?,
        };
        self.sharing.said.tell(self.sharing.events);
        if let Some(record) = &found {
            self.sharing.outbox.offer(record, self.scope, Origin::Found);
        }
        Ok(found)
    }

    fn put(&self, record: &Record) -> Result<()> {
        self.sharing.near.put(record)?;
        self.sharing.outbox.offer(record, self.scope, Origin::Made);
        Ok(())
    }

    /// Far ones are only asked of steps that this machine knows nothing of.
    fn trail(&self, step: &StepName) -> Result<Trail> {
        let near = self.sharing.near.trail(step)?;
        if !near.traces().is_empty() {
            return Ok(near);
        }
        let mut far = self.sharing.far.iter();
        far.try_fold(near, |trail, far| Ok(trail.merged(far.trail(step)?)))
    }

    fn trace(&self, step: &StepName, trace: &Trace) -> Result<()> {
        self.sharing.near.trace(step, trace)?;
        self.sharing.outbox.offer_trace(step, trace);
        Ok(())
    }

    fn files(&self, list: &Descriptor) -> Result<Option<Vec<u8>>> {
        let mut far = self.sharing.far.iter();
        far.try_fold(None, |found, far| if found.is_some() { Ok(found) } else { far.files(list) })
    }
}

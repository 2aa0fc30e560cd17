//! A backend made of backends: asks the near one first, and keeps near what it found far. Knows no medium.

use crate::backend::CacheBackend;
use crate::error::Result;
use crate::key::CacheKey;
use crate::record::Record;
use crate::trail::{StepName, Trace, Trail};
use rbuild_oci::Descriptor;

/// Several backends as one, nearest first. Records are written to all.
pub struct Tiered {
    tiers: Vec<Box<dyn CacheBackend>>,
    name: String,
}

impl Tiered {
    /// The backends, nearest first.
    pub fn new(tiers: Vec<Box<dyn CacheBackend>>) -> Self {
        let name = tiers.iter().map(|tier| tier.name()).collect::<Vec<_>>().join("+");
        Self { tiers, name }
    }
}

impl std::fmt::Debug for Tiered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tiered({})", self.name)
    }
}

impl CacheBackend for Tiered {
    fn name(&self) -> &str {
        &self.name
    }

    fn get(&self, key: &CacheKey) -> Result<Option<Record>> {
        for (distance, tier) in self.tiers.iter().enumerate() {
            if let Some(record) = tier.get(key)? {
                for nearer in &self.tiers[..distance] {
                    nearer.put(&record)?;
                }
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    fn put(&self, record: &Record) -> Result<()> {
        self.tiers.iter().try_for_each(|tier| tier.put(record))
    }

    fn trail(&self, step: &StepName) -> Result<Trail> {
        self.tiers.iter().try_fold(Trail::default(), |trail, tier| Ok(trail.merged(tier.trail(step)?)))
    }

    fn trace(&self, step: &StepName, trace: &Trace) -> Result<()> {
        self.tiers.iter().try_for_each(|tier| tier.trace(step, trace))
    }

    fn files(&self, list: &Descriptor) -> Result<Option<Vec<u8>>> {
        self.tiers.iter().try_fold(None, |found, tier| if found.is_some() { Ok(found) } else { tier.files(list) })
    }
}

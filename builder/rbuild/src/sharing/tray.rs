//! What an image is to carry of the build cache itself (`type=inline`): the documents alone, as the layers that they
//! speak of go where the image goes. Knows no image.

use rbuild_oci::{ChainId, Descriptor};
use rbuild_records::depot::{Depot, Documents, Name, Open};
use rbuild_records::{Parcel, Record, Result};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Documents that wait for their image. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Tray(std::sync::Arc<Mutex<Documents>>);

impl Tray {
    /// What lies on it, the same for equal images: of a step that is known by several keys, which depends on what the build
    /// found where, only the first.
    pub fn documents(&self) -> Documents {
        let mut chosen: BTreeMap<Step, (bool, Name, Vec<u8>)> = BTreeMap::new();
        for (name, bytes) in self.lock().iter() {
            let Ok(Parcel { record, .. }) = serde_json::from_slice(bytes) else { continue };
            let is_late = record.recipe.parts().iter().any(|part| part.name == FILES);
            let document = (is_late, *name, bytes.clone());
            let other = chosen.entry(Step::of(&record)).or_insert_with(|| document.clone());
            *other = document.min(other.clone());
        }
        chosen.into_values().map(|(_, name, bytes)| (name, bytes)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Documents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The parts of a recipe that say which files went in, and which stage they came from: by either a step may be known.
const FILES: &str = "files";
const FROM: &str = "from";

/// What tells one step from another, whichever key it is known by.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Step(Vec<(String, String)>, Option<ChainId>);

impl Step {
    fn of(record: &Record) -> Self {
        let parts = record.recipe.parts().iter().filter(|part| part.name != FILES && part.name != FROM);
        Self(parts.map(|part| (part.name.clone(), part.value.clone())).collect(), record.chain())
    }
}

impl fmt::Display for Tray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("inside the image")
    }
}

impl Depot for Tray {
    fn has(&self, name: &Name) -> Result<bool> {
        Ok(self.lock().contains_key(name))
    }

    fn document(&self, name: &Name) -> Result<Option<Vec<u8>>> {
        Ok(self.lock().get(name).cloned())
    }

    fn put_document(&self, name: &Name, bytes: &[u8], _: &[Descriptor]) -> Result<()> {
        self.lock().insert(*name, bytes.to_vec());
        Ok(())
    }

    fn pour(&self, _: &Descriptor, _: &mut dyn Write) -> Result<bool> {
        Ok(false)
    }

    fn put(&self, _: &Descriptor, _: &Open<'_>) -> Result<bool> {
        Ok(false)
    }
}

//! What an image is to carry of the build cache itself (`type=inline`): the documents alone, as the layers that they
//! speak of go where the image goes. Knows no image.

use rbuild_oci::Descriptor;
use rbuild_records::Result;
use rbuild_records::depot::{Depot, Name, Open};
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Documents that wait for their image. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Tray(std::sync::Arc<Mutex<Documents>>);

/// Documents by their names.
pub type Documents = BTreeMap<Name, Vec<u8>>;

impl Tray {
    /// What lies on it.
    pub fn documents(&self) -> Documents {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Documents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

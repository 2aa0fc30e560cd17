//! The kinds of places that layers can be far away in: repositories of registries, and caches of other machines. Knows no
//! layer.

use crate::error::Result;
use crate::import::{Blobs, Remote, reference_of, spooled};
use rbuild_oci::Descriptor;
use rbuild_records::depot::Depot;
use rbuild_registry::Client;
use rbuild_store::Store;
use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;

/// A kind of place.
pub trait Source: fmt::Debug + Send + Sync {
    /// Whether a note's place is one of these.
    fn knows(&self, place: &str) -> bool;

    /// The content of the place; none where it is not one of these. What has to lie somewhere while it is read lies in
    /// the store's place for unfinished files.
    fn blobs(&self, place: &str, store: &Store) -> Option<Arc<dyn Blobs>>;

    /// Whether what is not there any more can be made again.
    fn is_cache(&self) -> bool;
}

/// All registries.
#[derive(Debug)]
pub struct Registries(Client);

impl Registries {
    /// Those that this client reaches.
    pub fn new(client: &Client) -> Self {
        Self(client.clone())
    }
}

impl Source for Registries {
    fn knows(&self, place: &str) -> bool {
        reference_of(place).is_some()
    }

    fn blobs(&self, place: &str, store: &Store) -> Option<Arc<dyn Blobs>> {
        Some(Arc::new(Remote::new(&self.0, &reference_of(place)?, store)))
    }

    fn is_cache(&self) -> bool {
        false
    }
}

/// The caches of a build, each under the name that it shows.
pub struct Depots(Vec<Arc<dyn Depot>>);

impl Depots {
    /// These caches.
    pub const fn new(depots: Vec<Arc<dyn Depot>>) -> Self {
        Self(depots)
    }

    fn find(&self, place: &str) -> Option<&Arc<dyn Depot>> {
        self.0.iter().find(|depot| depot.to_string() == place)
    }
}

impl fmt::Debug for Depots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(ToString::to_string)).finish()
    }
}

impl Source for Depots {
    fn knows(&self, place: &str) -> bool {
        self.find(place).is_some()
    }

    fn blobs(&self, place: &str, store: &Store) -> Option<Arc<dyn Blobs>> {
        let depot = self.find(place)?.clone();
        Some(Arc::new(Kept { depot, store: store.clone() }))
    }

    fn is_cache(&self) -> bool {
        true
    }
}

/// The blobs of a cache.
struct Kept {
    depot: Arc<dyn Depot>,
    store: Store,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({})", self.depot)
    }
}

impl Blobs for Kept {
    fn open(&self, blob: &Descriptor) -> Result<Option<Box<dyn Read + Send + '_>>> {
        Ok(spooled(self, blob, &self.store)?.map(|file| Box::new(file) as Box<dyn Read + Send>))
    }

    fn pour(&self, blob: &Descriptor, sink: &mut dyn Write) -> Result<bool> {
        Ok(self.depot.pour(blob, sink)?)
    }

    fn place(&self) -> String {
        self.depot.to_string()
    }
}

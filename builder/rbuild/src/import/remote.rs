//! The content of a repository of a registry. Knows no image.

use super::Blobs;
use super::blobs::{Later, spooled};
use super::repository::Repository;
use crate::error::Result;
use rbuild_oci::{Descriptor, Reference};
use rbuild_registry::Client;
use rbuild_store::Store;
use std::io::{Read, Write};

/// The blobs of a repository of a registry. What is opened is downloaded whole, and again where the connection broke,
/// before its first byte is read; what is poured goes by as it comes.
#[derive(Debug)]
pub(crate) struct Remote {
    repository: Repository,
    store: Store,
}

impl Remote {
    /// What `reference` has in its registry; downloads lie in the store's place for unfinished files.
    pub(crate) fn new(client: &Client, reference: &Reference, store: &Store) -> Self {
        Self { repository: Repository::new(client, reference), store: store.clone() }
    }
}

impl Blobs for Remote {
    fn open(&self, blob: &Descriptor) -> Result<Option<Box<dyn Read + Send + '_>>> {
        if let Some(document) = self.repository.document(blob)? {
            return Ok(Some(document));
        }
        Ok(spooled(self, blob, &self.store)?.map(|file| Box::new(file) as Box<dyn Read + Send>))
    }

    fn pour(&self, blob: &Descriptor, sink: &mut dyn Write) -> Result<bool> {
        self.repository.pour(blob, sink)?;
        Ok(true)
    }

    fn place(&self) -> String {
        self.repository.reference.familiar_name()
    }

    fn later(&self) -> Later {
        Later::From(place_of(&self.repository.reference))
    }
}

/// How notes of layers call registries.
const REGISTRY: &str = "docker://";

/// What is noted of a layer that a repository has: `docker://docker.io/library/alpine`.
pub(crate) fn place_of(reference: &Reference) -> String {
    format!("{REGISTRY}{}", reference.full_name())
}

/// The repository that a note speaks of; none where it speaks of another kind of place.
pub(crate) fn reference_of(place: &str) -> Option<Reference> {
    place.strip_prefix(REGISTRY)?.parse().ok()
}

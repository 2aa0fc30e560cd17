//! A repository of a registry as a place for images. Knows no image and no layer format.

use super::{Open, Origins, Placed, Sink};
use crate::error::{Error, Result};
use rbuild_oci::{Descriptor, Digest, Reference};
use rbuild_registry::{Client, Pushed};
use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, PoisonError};

/// A repository that images are sent to. What fails leaves blobs there at most, which no name reaches.
#[derive(Debug)]
pub struct Repository {
    client: Client,
    name: Reference,
    origins: Origins,
    placed: Mutex<BTreeSet<Digest>>,
}

impl Repository {
    /// That of `name`, whatever its tag; blobs that `origins` knows of are mounted from there where that works.
    pub fn new(client: &Client, name: &Reference, origins: Origins) -> Self {
        Self { client: client.clone(), name: name.clone(), origins, placed: Mutex::default() }
    }

    fn placed(&self) -> std::sync::MutexGuard<'_, BTreeSet<Digest>> {
        self.placed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, blob: &Descriptor, open: &Open<'_>) -> Result<Placed> {
        let from = self.origins.get(&blob.digest);
        // What cannot be opened has an error of its own, which says more than that of a transfer.
        let failed: Mutex<Option<Error>> = Mutex::default();
        let opened = || {
            open().map_err(|error| {
                let text = error.to_string();
                *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                io::Error::other(text)
            })
        };
        match self.client.push_blob(&self.name, blob, from, &opened) {
            Ok(Pushed::Existed) => Ok(Placed::Existed),
            Ok(Pushed::Mounted) => Ok(Placed::Mounted(from.unwrap_or_default().to_owned())),
            Ok(Pushed::Uploaded) => Ok(Placed::Sent),
            Err(error) => {
                let own = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
                Err(own.unwrap_or_else(|| error.into()))
            }
        }
    }
}

impl Sink for Repository {
    fn place(&self) -> String {
        self.name.familiar_name()
    }

    fn blob(&self, blob: &Descriptor, open: &Open<'_>) -> Result<Placed> {
        if self.placed().contains(&blob.digest) {
            return Ok(Placed::Existed);
        }
        let placed = self.send(blob, open)?;
        self.placed().insert(blob.digest);
        Ok(placed)
    }

    fn document(&self, document: &Descriptor, bytes: &[u8]) -> Result<()> {
        if self.placed().contains(&document.digest) {
            return Ok(());
        }
        let name: Reference = format!("{}@{}", self.name.full_name(), document.digest).parse()?;
        self.client.push_manifest(&name, document.media_type.as_str(), bytes)?;
        self.placed().insert(document.digest);
        Ok(())
    }

    fn name(&self, document: &Descriptor, bytes: &[u8], name: &Reference) -> Result<()> {
        self.client.push_manifest(name, document.media_type.as_str(), bytes)?;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

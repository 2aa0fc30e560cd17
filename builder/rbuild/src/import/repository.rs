//! A repository of a registry, as every way of reading it has it. Knows no image, and not where anything lies meanwhile.

use crate::error::{Error, Result};
use rbuild_oci::{Descriptor, Reference};
use rbuild_registry::Client;
use std::io::{Cursor, Read, Write};

/// What a reference has in its registry.
#[derive(Clone, Debug)]
pub(super) struct Repository {
    client: Client,
    /// Its name.
    pub(super) reference: Reference,
}

impl Repository {
    /// That of `reference`.
    pub(super) fn new(client: &Client, reference: &Reference) -> Self {
        Self { client: client.clone(), reference: reference.clone() }
    }

    /// Reads a manifest or an index; none where the blob is neither.
    pub(super) fn document(&self, blob: &Descriptor) -> Result<Option<Box<dyn Read + Send>>> {
        if !blob.media_type.is_manifest_or_index() {
            return Ok(None);
        }
        Ok(Some(Box::new(Cursor::new(self.client.manifest(&self.reference, blob)?))))
    }

    /// Writes a blob that is neither as it comes.
    pub(super) fn blob(&self, blob: &Descriptor, sink: &mut dyn Write) -> rbuild_registry::Result<()> {
        self.client.blob(&self.reference, blob, sink)
    }

    /// Writes whatever it is.
    pub(super) fn pour(&self, blob: &Descriptor, sink: &mut dyn Write) -> Result<()> {
        match self.document(blob)? {
            Some(mut document) => std::io::copy(&mut document, sink).map(drop).map_err(Error::io("keep", blob.digest)),
            None => Ok(self.blob(blob, sink)?),
        }
    }
}

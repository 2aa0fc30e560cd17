//! The content of a repository of a registry. Knows no image.

use super::Blobs;
use crate::error::{Error, Result};
use rbuild_oci::{Descriptor, Reference};
use rbuild_registry::Client;
use rbuild_store::Store;
use std::io::{Cursor, Read, Seek, SeekFrom, Write};

/// The blobs of a repository of a registry. What is opened is downloaded whole, and again where the connection broke,
/// before its first byte is read; what is poured goes by as it comes.
#[derive(Debug)]
pub(super) struct Remote {
    client: Client,
    reference: Reference,
    store: Store,
}

impl Remote {
    /// What `reference` has in its registry; downloads lie in the store's place for unfinished files.
    pub(super) fn new(client: &Client, reference: &Reference, store: &Store) -> Self {
        Self { client: client.clone(), reference: reference.clone(), store: store.clone() }
    }
}

impl Blobs for Remote {
    fn open(&self, blob: &Descriptor) -> Result<Option<Box<dyn Read + Send + '_>>> {
        if blob.media_type.is_manifest() || blob.media_type.is_index() {
            return Ok(Some(Box::new(Cursor::new(self.client.manifest(&self.reference, blob)?))));
        }
        let file = self.store.tmp_file()?;
        self.client.blob(&self.reference, blob, &mut file.file())?;
        let mut copy = file.file().try_clone().map_err(Error::io("open", file.path().display()))?;
        copy.seek(SeekFrom::Start(0)).map_err(Error::io("read", file.path().display()))?;
        Ok(Some(Box::new(copy)))
    }

    fn pour(&self, blob: &Descriptor, sink: &mut dyn Write) -> Result<bool> {
        if blob.media_type.is_manifest() || blob.media_type.is_index() {
            let bytes = self.client.manifest(&self.reference, blob)?;
            sink.write_all(&bytes).map_err(Error::io("keep", blob.digest))?;
        } else {
            self.client.blob(&self.reference, blob, sink)?;
        }
        Ok(true)
    }

    fn place(&self) -> String {
        self.reference.familiar_name()
    }
}

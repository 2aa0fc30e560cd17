//! The content of the store, also as what is nearer than another place. Knows no image.

use super::Blobs;
use super::blobs::{Later, document};
use crate::error::Result;
use rbuild_oci::Descriptor;
use rbuild_store::Store;
use rbuild_store::content::ContentStore;
use std::io::{Read, Write};
use std::sync::Arc;

/// The blobs of the store.
#[derive(Debug)]
pub(crate) struct Local {
    store: Store,
}

impl Local {
    /// Those of that store.
    pub(crate) fn new(store: &Store) -> Self {
        Self { store: store.clone() }
    }
}

impl Blobs for Local {
    fn open(&self, blob: &Descriptor) -> Result<Option<Box<dyn Read + Send + '_>>> {
        if let Some(found) = self.store.content().open(&blob.digest)? {
            return Ok(Some(found));
        }
        if !blob.media_type.is_layer() || !self.store.brings() {
            return Ok(None);
        }
        let layers = self.store.layers();
        Ok(layers.far_blob(&blob.digest)?.map(|(layer, far)| layers.open_far(&layer, &far)).transpose()?)
    }

    fn place(&self) -> String {
        format!("the store {}", self.store.root().display())
    }

    fn later(&self) -> Later {
        Later::Noted
    }
}

/// Content that is taken from the store where it is there already; notes of where it may be are not followed.
#[derive(Debug)]
pub(super) struct Nearest {
    local: Local,
    far: Arc<dyn Blobs>,
}

impl Nearest {
    /// What `far` has, or the store before it.
    pub(super) fn new(store: &Store, far: &Arc<dyn Blobs>) -> Self {
        Self { local: Local::new(&store.clone().bringing_nothing()), far: far.clone() }
    }
}

impl Nearest {
    /// Puts a document of the store that is not what it is called right by what `far` has.
    fn mend(&self, blob: &Descriptor) -> Result<()> {
        let store = &self.local.store;
        let Err(rbuild_store::Error::Corrupt { .. }) = store.document(&blob.digest) else { return Ok(()) };
        if let Some(bytes) = document(&*self.far, blob)? {
            store.content().remove(&blob.digest)?;
            store.put_document(&bytes)?;
        }
        Ok(())
    }
}

/// Whether a blob is one that is read whole.
fn is_document(blob: &Descriptor) -> bool {
    let media_type = &blob.media_type;
    media_type.is_manifest_or_index() || media_type.is_config()
}

impl Blobs for Nearest {
    fn open(&self, blob: &Descriptor) -> Result<Option<Box<dyn Read + Send + '_>>> {
        match self.local.open(blob)? {
            Some(reader) => Ok(Some(reader)),
            None => self.far.open(blob),
        }
    }

    fn pour(&self, blob: &Descriptor, sink: &mut dyn Write) -> Result<bool> {
        if is_document(blob) {
            self.mend(blob)?;
        }
        if self.local.pour(blob, sink)? { Ok(true) } else { self.far.pour(blob, sink) }
    }

    fn place(&self) -> String {
        self.far.place()
    }

    fn later(&self) -> Later {
        self.far.later()
    }
}

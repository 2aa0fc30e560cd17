//! The content of the store, also as what is nearer than another place. Knows no image.

use super::Blobs;
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
        Ok(self.store.content().open(&blob.digest)?.map(|blob| blob as Box<dyn Read + Send>))
    }

    fn place(&self) -> String {
        format!("the store {}", self.store.root().display())
    }
}

/// Content that is taken from the store where it is there already.
#[derive(Debug)]
pub(super) struct Nearest {
    local: Local,
    far: Arc<dyn Blobs>,
}

impl Nearest {
    /// What `far` has, or the store before it.
    pub(super) fn new(store: &Store, far: &Arc<dyn Blobs>) -> Self {
        Self { local: Local::new(store), far: far.clone() }
    }
}

impl Blobs for Nearest {
    fn open(&self, blob: &Descriptor) -> Result<Option<Box<dyn Read + Send + '_>>> {
        match self.local.open(blob)? {
            Some(reader) => Ok(Some(reader)),
            None => self.far.open(blob),
        }
    }

    fn pour(&self, blob: &Descriptor, sink: &mut dyn Write) -> Result<bool> {
        if self.local.pour(blob, sink)? { Ok(true) } else { self.far.pour(blob, sink) }
    }

    fn place(&self) -> String {
        self.far.place()
    }
}

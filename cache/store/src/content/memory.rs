//! Blobs in memory, for tests and for what never needs a disk. Knows nothing else.

use super::{Blob, BlobWriter, ContentStore, expect};
use crate::error::Result;
use rbuild_oci::Digest;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Blobs = BTreeMap<Digest, Arc<[u8]>>;

/// Blobs in memory; clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryContent {
    blobs: Arc<Mutex<Blobs>>,
}

impl MemoryContent {
    /// A store without blobs.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Blobs> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ContentStore for MemoryContent {
    fn open(&self, digest: &Digest) -> Result<Option<Box<dyn Blob>>> {
        let bytes = self.lock().get(digest).cloned();
        Ok(bytes.map(|bytes| Box::new(Cursor::new(bytes)) as Box<dyn Blob>))
    }

    fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        Ok(self.lock().get(digest).map(|bytes| bytes.len() as u64))
    }

    fn writer(&self) -> Result<Box<dyn BlobWriter>> {
        Ok(Box::new(MemoryWriter { place: self.clone(), bytes: Vec::new() }))
    }

    fn remove(&self, digest: &Digest) -> Result<bool> {
        Ok(self.lock().remove(digest).is_some())
    }

    fn list(&self) -> Result<Vec<Digest>> {
        Ok(self.lock().keys().copied().collect())
    }
}

struct MemoryWriter {
    place: MemoryContent,
    bytes: Vec<u8>,
}

impl Write for MemoryWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobWriter for MemoryWriter {
    fn commit(self: Box<Self>, expected: Option<&Digest>) -> Result<Digest> {
        let Self { place, bytes } = *self;
        let digest = expect(Digest::of(&bytes), expected)?;
        place.lock().entry(digest).or_insert_with(|| bytes.into());
        Ok(digest)
    }
}

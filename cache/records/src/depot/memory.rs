//! A depot in memory, for tests: the plainest one there can be.

use super::{Depot, Name, Open};
use crate::error::{Error, Result};
use rbuild_oci::{Descriptor, Digest};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};
use std::sync::{Mutex, PoisonError};

/// Keeps documents and blobs for the life of the process.
#[derive(Debug, Default)]
pub struct MemoryDepot {
    documents: Mutex<BTreeMap<Name, Vec<u8>>>,
    blobs: Mutex<BTreeMap<Digest, Vec<u8>>>,
}

impl fmt::Display for MemoryDepot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}

impl Depot for MemoryDepot {
    fn has(&self, name: &Name) -> Result<bool> {
        Ok(lock(&self.documents).contains_key(name))
    }

    fn document(&self, name: &Name) -> Result<Option<Vec<u8>>> {
        Ok(lock(&self.documents).get(name).cloned())
    }

    fn put_document(&self, name: &Name, bytes: &[u8], _: &[Descriptor]) -> Result<()> {
        lock(&self.documents).insert(*name, bytes.to_vec());
        Ok(())
    }

    fn pour(&self, blob: &Descriptor, sink: &mut dyn Write) -> Result<bool> {
        let Some(bytes) = lock(&self.blobs).get(&blob.digest).cloned() else { return Ok(false) };
        sink.write_all(&bytes).map_err(|source| Error::depot(self, "read", blob.digest, source))?;
        Ok(true)
    }

    fn put(&self, blob: &Descriptor, open: &Open<'_>) -> Result<bool> {
        if lock(&self.blobs).contains_key(&blob.digest) {
            return Ok(false);
        }
        let mut bytes = Vec::new();
        let read = open().and_then(|content| content.take(blob.size + 1).read_to_end(&mut bytes));
        read.map_err(|source| Error::depot(self, "read", blob.digest, source))?;
        if bytes.len() as u64 != blob.size || Digest::of(&bytes) != blob.digest {
            return Err(Error::depot(self, "keep", blob.digest, "it is not what its descriptor says"));
        }
        lock(&self.blobs).insert(blob.digest, bytes);
        Ok(true)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

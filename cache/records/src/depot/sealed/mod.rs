//! A depot whose documents are signed, so that a fleet believes its own writers only. Knows no medium.
//!
//! A document is wrapped in a DSSE envelope, whose payload (`application/vnd.rbuild.cache.v1+json`) says its name, too:
//! signed under one name, it counts under no other. Blobs need no signature, as a document names them by digest. An old
//! document of a name that is written again, such as the keys of a step, can be put back by whoever may write to the place.

mod envelope;
mod key;

pub use key::{SigningKey, TrustedKey};

use super::{DOCUMENT_LIMIT, Depot, Name, Open};
use crate::error::{Error, Result};
use envelope::{Envelope, Payload, UNSIGNED};
use rbuild_oci::Descriptor;
use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// Signs documents on their way in, if it has a key for that, and believes those on their way out that a trusted key
/// signed. Without trusted keys it believes all, signed or not.
pub struct Sealed {
    inner: Arc<dyn Depot>,
    sign: Option<SigningKey>,
    trusted: Vec<TrustedKey>,
    warn: Box<dyn Fn(&str) + Send + Sync>,
    /// The documents that were warned of.
    told: Mutex<BTreeSet<Name>>,
}

impl Sealed {
    /// Stands before `inner`. `warn` is told, once for each, of documents that are not believed; they count as not there.
    pub fn new(
        inner: Arc<dyn Depot>,
        sign: Option<SigningKey>,
        trusted: Vec<TrustedKey>,
        warn: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        Self { inner, sign, trusted, warn: Box::new(warn), told: Mutex::default() }
    }

    /// The document in what is kept under a name, or why it is not believed.
    fn open(&self, name: &Name, bytes: Vec<u8>) -> std::result::Result<Vec<u8>, String> {
        let Some(envelope) = Envelope::read(&bytes) else {
            return if self.trusted.is_empty() { Ok(bytes) } else { Err(UNSIGNED.to_owned()) };
        };
        let payload = envelope.open(&self.trusted)?;
        if payload.name != name.to_string() {
            return Err("it was signed under another name".to_owned());
        }
        Ok(payload.document.into_bytes())
    }

    fn distrust(&self, name: &Name, reason: &str) {
        if self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(*name) {
            (self.warn)(&format!("{name} in the cache {self} is not believed: {reason}; it counts as not there"));
        }
    }
}

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({}, {:?}, {:?})", self.inner, self.sign, self.trusted)
    }
}

impl Depot for Sealed {
    /// Where only some are believed, the document is read: one that is not may not keep a good one from being written.
    fn has(&self, name: &Name) -> Result<bool> {
        if self.trusted.is_empty() { self.inner.has(name) } else { Ok(self.document(name)?.is_some()) }
    }

    fn document(&self, name: &Name) -> Result<Option<Vec<u8>>> {
        let Some(bytes) = self.inner.document(name)? else { return Ok(None) };
        match self.open(name, bytes) {
            Ok(document) => Ok(Some(document)),
            Err(reason) => {
                self.distrust(name, &reason);
                Ok(None)
            }
        }
    }

    fn put_document(&self, name: &Name, bytes: &[u8], blobs: &[Descriptor]) -> Result<()> {
        let Some(key) = &self.sign else { return self.inner.put_document(name, bytes, blobs) };
        let refused = |reason: &dyn fmt::Display| Error::depot(self, "sign", name, reason);
        let document = std::str::from_utf8(bytes).map_err(|error| refused(&error))?.to_owned();
        let payload = Payload { name: name.to_string(), document };
        let sealed = Envelope::seal(&payload, key).map_err(|error| refused(&error))?;
        if sealed.len() as u64 > DOCUMENT_LIMIT {
            return Err(refused(&format!("with its signature it has more than {DOCUMENT_LIMIT} bytes")));
        }
        self.inner.put_document(name, &sealed, blobs)
    }

    fn pour(&self, blob: &Descriptor, sink: &mut dyn Write) -> Result<bool> {
        self.inner.pour(blob, sink)
    }

    fn put(&self, blob: &Descriptor, open: &Open<'_>) -> Result<bool> {
        self.inner.put(blob, open)
    }
}

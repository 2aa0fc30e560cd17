//! Two depots as one: what the first lacks may be in the second, and what is written goes to the first. Knows no medium.

use super::{Depot, Name, Open};
use crate::error::Result;
use rbuild_oci::Descriptor;
use std::fmt;
use std::io::Write;

/// A depot, and another behind it that is only read.
#[derive(Debug)]
pub struct Joined<A, B>(pub A, pub B);

impl<A: Depot, B> fmt::Display for Joined<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<A: Depot, B: Depot> Depot for Joined<A, B> {
    fn has(&self, name: &Name) -> Result<bool> {
        self.0.has(name)
    }

    fn document(&self, name: &Name) -> Result<Option<Vec<u8>>> {
        match self.0.document(name)? {
            None => self.1.document(name),
            found => Ok(found),
        }
    }

    fn put_document(&self, name: &Name, bytes: &[u8], blobs: &[Descriptor]) -> Result<()> {
        self.0.put_document(name, bytes, blobs)
    }

    fn pour(&self, blob: &Descriptor, sink: &mut dyn Write) -> Result<bool> {
        Ok(self.0.pour(blob, sink)? || self.1.pour(blob, sink)?)
    }

    fn put(&self, blob: &Descriptor, open: &Open<'_>) -> Result<bool> {
        self.0.put(blob, open)
    }
}

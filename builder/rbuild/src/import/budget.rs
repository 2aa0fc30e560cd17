//! How much may be listed in one place that images are taken from: to list costs it little, and us memory and time. Knows
//! no document.

use crate::error::{Error, Result};
use rbuild_store::Error as Cause;

/// What the documents that are kept in memory may have together, in bytes.
const MOST_BYTES: u64 = 64 << 20;

/// Entries that are looked at.
const MOST_ENTRIES: usize = 10_000;

/// What was taken from a place so far.
#[derive(Debug)]
pub(super) struct Budget {
    place: String,
    bytes: u64,
    entries: usize,
}

impl Budget {
    /// Nothing was taken from that place.
    pub(super) const fn of(place: String) -> Self {
        Self { place, bytes: 0, entries: 0 }
    }

    /// A further document of so many bytes is kept in memory.
    pub(super) fn keep(&mut self, bytes: u64) -> Result<()> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MOST_BYTES {
            return Err(self.refused(format!("its documents have more than {MOST_BYTES} bytes")));
        }
        Ok(())
    }

    /// So many further entries, called `what`, are looked at.
    pub(super) fn look(&mut self, entries: usize, what: &str) -> Result<()> {
        self.entries = self.entries.saturating_add(entries);
        if self.entries > MOST_ENTRIES {
            return Err(self.refused(format!("it lists more than {MOST_ENTRIES} {what}")));
        }
        Ok(())
    }

    fn refused(&self, reason: String) -> Error {
        Error::Store(Cause::Refused { what: "list of images", subject: self.place.clone(), reason })
    }
}

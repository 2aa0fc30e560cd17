//! How much a tarball may ask for. Knows counts only.

use crate::error::{Error, Result};

/// Bounds on what a tarball may ask for; beyond them it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries.
    pub entries: u64,
    /// Bytes in all files together, holes of sparse files included.
    pub bytes: u64,
    /// Bytes in the extended headers of one entry.
    pub header: u64,
    /// Bytes in a path or a link's target.
    pub path: usize,
    /// How many times larger the content may be than the archive (the tarball than the compressed blob, the files
    /// than the tarball), once it is larger than [`Limits::slack`].
    pub ratio: u64,
    /// Content of at most that many bytes is never too large for its archive.
    pub slack: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 10_000_000, bytes: 4 << 40, header: 1 << 20, path: 4096, ratio: 250, slack: 4 << 30 }
    }
}

impl Limits {
    /// Those of a part of a tarball that was within its limits as a whole.
    pub(in crate::layer) fn of_part() -> Self {
        Self { slack: u64::MAX, ..Self::default() }
    }

    /// Fails if `content` bytes are too many to have come out of `archive` bytes by honest compression.
    pub(in crate::layer) fn check_ratio(&self, content: u64, archive: u64) -> Result<()> {
        if content > self.slack && content / self.ratio > archive {
            return Err(refused(format!(
                "its content is more than {} times larger than itself ({content} bytes out of {archive})",
                self.ratio
            )));
        }
        Ok(())
    }
}

/// What a tarball has asked for so far.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    entries: u64,
    bytes: u64,
    header: u64,
}

impl Budget {
    pub(super) const fn new(limits: Limits) -> Self {
        Self { limits, entries: 0, bytes: 0, header: 0 }
    }

    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The headers of a further entry begin.
    pub(super) const fn start_headers(&mut self) {
        self.header = 0;
    }

    pub(super) fn count_header(&mut self, bytes: u64) -> Result<()> {
        self.header = self.header.saturating_add(bytes);
        if self.header > self.limits.header {
            return Err(refused(format!("the headers of one entry have more than {} bytes", self.limits.header)));
        }
        Ok(())
    }

    pub(super) fn count_entry(&mut self) -> Result<()> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(refused(format!("it has more than {} entries", self.limits.entries)));
        }
        Ok(())
    }

    /// A file of that many bytes begins; the archive has `archive` bytes up to its end.
    pub(super) fn count_file(&mut self, bytes: u64, archive: u64) -> Result<()> {
        self.count_skipped(bytes)?;
        self.limits.check_ratio(self.bytes, archive)
    }

    /// Bytes of content, wanted or not.
    pub(super) fn count_skipped(&mut self, bytes: u64) -> Result<()> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.limits.bytes {
            return Err(refused(format!("it has more than {} bytes", self.limits.bytes)));
        }
        Ok(())
    }
}

fn refused(reason: String) -> Error {
    Error::Refused { what: "archive", subject: "content".to_owned(), reason }
}

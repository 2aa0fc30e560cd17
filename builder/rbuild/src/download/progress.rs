//! Tells how a download moves on. Knows no network.

use crate::events::Event;
use crate::reach::Reach;
use rbuild_registry::Address;

/// Counts bytes, and tells of every MiB and of the end.
pub(super) struct Progress<'a> {
    reach: &'a Reach<'a>,
    what: String,
    done: u64,
    total: Option<u64>,
}

const TOLD: u64 = 1 << 20;

impl<'a> Progress<'a> {
    /// Nothing yet of `total` bytes, where that many were announced.
    pub(super) fn new(reach: &'a Reach<'a>, address: &Address, total: Option<u64>) -> Self {
        Self { reach, what: address.to_string(), done: 0, total }
    }

    /// The bytes so far.
    pub(super) const fn done(&self) -> u64 {
        self.done
    }

    /// So many bytes more.
    pub(super) fn moved(&mut self, bytes: usize) {
        let before = self.done / TOLD;
        self.done += bytes as u64;
        if self.done / TOLD > before || self.total == Some(self.done) {
            let (step, what, done) = (self.reach.step, self.what.as_str(), self.done);
            let total = self.total.unwrap_or(done);
            self.reach.events.send(&Event::Progress { step, what, done, total });
        }
    }
}

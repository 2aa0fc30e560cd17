//! Tells of layers on their way under the lines of the steps that they belong to. Knows no place.

use crate::events::{Event, Events, StepId};
use crate::import::Wish;
use rbuild_oci::{Descriptor, Digest};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Layers that come together. Layers that belong to no step are not told of.
pub(super) struct Telling<'a> {
    events: &'a Events,
    began: Instant,
    /// The steps, by the blobs that come for them.
    steps: BTreeMap<Digest, StepId>,
}

impl<'a> Telling<'a> {
    /// Tells that these steps go on.
    pub(super) fn begin(events: &'a Events, wishes: &[Wish]) -> Self {
        let (mut steps, mut lines) = (BTreeMap::new(), BTreeSet::new());
        for wish in wishes {
            let Some(line) = events.expected(&wish.layer) else { continue };
            steps.extend(wish.ways.iter().map(|(_, blob)| (blob.digest, line.0)));
            lines.insert(line);
        }
        for (step, name) in lines {
            events.send(&Event::Started { step, name: &name });
        }
        Self { events, began: Instant::now(), steps }
    }

    /// Tells how much of a blob has come.
    pub(super) fn moved(&self, blob: &Descriptor, done: u64) {
        if let Some(step) = self.steps.get(&blob.digest).copied() {
            self.events.send(&Event::Progress { step, what: &blob.digest.short(), done, total: blob.size });
        }
    }

    /// Tells that all have come, or that they do not.
    pub(super) fn end(self, all: bool) {
        let took = self.began.elapsed();
        for step in self.steps.values().copied().collect::<BTreeSet<_>>() {
            let end = if all { Event::Done { step, took, image: None } } else { Event::Canceled { step } };
            self.events.send(&end);
        }
    }
}

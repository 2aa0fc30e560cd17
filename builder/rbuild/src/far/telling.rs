//! Tells of layers on their way, those of base images under their lines. Knows no place.

use crate::events::{Event, Events, StepId};
use crate::import::Wish;
use crate::render::human;
use rbuild_oci::{Descriptor, Digest};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Layers that come together.
pub(super) struct Telling<'a> {
    events: &'a Events,
    began: Instant,
    /// The steps, by the blobs that come for them.
    steps: BTreeMap<Digest, StepId>,
}

impl<'a> Telling<'a> {
    /// Tells that these come.
    pub(super) fn begin(events: &'a Events, wishes: &[Wish]) -> Self {
        let (mut steps, mut lines) = (BTreeMap::new(), BTreeSet::new());
        let (mut others, mut bytes) = (0, 0);
        for wish in wishes {
            let Some(line) = events.expected(&wish.layer) else {
                others += 1;
                bytes += wish.ways.first().map_or(0, |(_, blob)| blob.size);
                continue;
            };
            steps.extend(wish.ways.iter().map(|(_, blob)| (blob.digest, line.0)));
            lines.insert(line);
        }
        if others > 0 {
            let plural = if others == 1 { "" } else { "s" };
            events.note(&format!("bringing {others} layer{plural} of earlier results ({})", human::size(bytes)));
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

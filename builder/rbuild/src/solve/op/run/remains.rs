//! What is left of a RUN that failed: its files as layers, its surroundings as data. Opens no shell.

use super::again::Again;
use crate::error::Result;
use crate::events::Event;
use crate::failed::{Failed, VERSION};
use crate::solve::{Work, layer};
use crate::stack::Stack;
use rbuild_graph::RunOp;
use rbuild_runner::Limit;
use rbuild_store::layer::View;
use rbuild_store::snapshot::{self, Draft};

/// What a RUN stood on and wrote to.
pub(super) struct Remains<'a> {
    pub(super) run: &'a RunOp,
    pub(super) draft: &'a Draft,
    pub(super) parent: &'a Stack,
    pub(super) view: &'a View,
    pub(super) again: Again,
}

impl Remains<'_> {
    /// Tells of the state in which it failed. Where that cannot be kept, the failure is still the step's own.
    pub(super) fn tell(self, work: &Work<'_>, outcome: &str) {
        match self.keep(work, outcome) {
            Ok(failed) => work.ctx.events.send(&Event::Kept(&failed)),
            Err(error) if error.is_canceled() => {}
            Err(error) => {
                work.ctx.events.warning(&format!("the state in which {} failed is lost: {error}", work.vertex.place));
            }
        }
    }

    fn keep(self, work: &Work<'_>, outcome: &str) -> Result<Failed> {
        let changes = work.ctx.snapshots.get()?.changes(self.draft, self.view, work.ctx.cancel)?;
        let written = if changes.entries.is_empty() {
            None
        } else {
            let writer = work.ctx.store.layers().writer(None, work.ctx.cancel)?;
            Some(layer::land(work, snapshot::pack(self.draft, changes.entries, writer)?)?.layer.diff_id)
        };
        let limits = work.inputs.limits;
        Ok(Failed {
            version: VERSION,
            step: work.vertex.place.to_string(),
            outcome: outcome.to_owned(),
            when: work.ctx.clock.now(),
            run: RunOp { mounts: self.again.mounts, ..self.run.clone() },
            layers: self.parent.diff_ids(),
            written,
            inputs: self.again.inputs,
            shm_size: limits.shm_size,
            ulimits: limits.ulimits.iter().map(ulimit).collect(),
        })
    }
}

/// A limit as `--ulimit` takes it.
fn ulimit(limit: &Limit) -> String {
    let value = |value: Option<u64>| value.map_or_else(|| "-1".to_owned(), |value| value.to_string());
    let name = format!("{:?}", limit.resource).to_lowercase();
    format!("{name}={}:{}", value(limit.soft), value(limit.hard))
}

//! A base image: its layers as they are. Knows neither registries nor layouts.

use crate::error::Result;
use crate::events::Event;
use crate::solve::{Arrival, Made, Shown, Step, Value, Work};
use crate::stack::Stack;
use rbuild_graph::ImageOp;
use std::cell::Cell;

/// The image's files; what is not in the store yet is brought there.
pub fn solve(work: &Work<'_>, image: &ImageOp) -> Result<(Value, Shown)> {
    let (nothing, began) = (Stack::default(), Cell::new(false));
    let begin = || {
        began.set(true);
        Step::new(work, &nothing).begin()
    };
    let (step, events) = (work.step, work.ctx.events);
    let moved = |blob: &rbuild_oci::Descriptor, done: u64| {
        events.send(&Event::Progress { step, what: &blob.digest.short(), done, total: blob.size });
    };
    let stack = (work.inputs.image)(image, &Arrival { begin: &begin, moved: &moved })?;
    let layers = stack.storeys().len();
    let shown = if began.get() { Shown::Done } else { Shown::Cached };
    Ok((Value::Files(stack, Made { layers, created: None }), shown))
}

//! A base image: its layers as they are. Knows neither registries nor layouts.

use crate::error::Result;
use crate::events::Event;
use crate::solve::{Arrival, Made, Shown, Step, Value, Work};
use crate::stack::Stack;
use rbuild_graph::ImageOp;
use std::cell::Cell;

/// The image's files; what is not in the store yet is brought there, or comes when a step reads it.
pub fn solve(work: &Work<'_>, image: &ImageOp) -> Result<(Value, Shown)> {
    let (nothing, began, news) = (Stack::default(), Cell::new(false), Cell::new(false));
    let begin = || {
        began.set(true);
        Step::new(work, &nothing).begin()
    };
    let (step, events) = (work.step, work.ctx.events);
    let moved = |blob: &rbuild_oci::Descriptor, done: u64| {
        events.send(&Event::Progress { step, what: &blob.digest.short(), done, total: blob.size });
    };
    let name = work.vertex.place.to_string();
    let later = |layer: &rbuild_oci::DiffId, is_news: bool| {
        events.expect(layer, step, &name);
        news.set(news.get() || is_news);
    };
    let stack = (work.inputs.image)(image, &Arrival { begin: &begin, later: &later, moved: &moved })?;
    let layers = stack.storeys().len();
    if news.get() && !began.get() {
        events.send(&Event::Started { step, name: &name });
    }
    let shown = if began.get() || news.get() { Shown::Done } else { Shown::Cached };
    Ok((Value::Files(stack, Made { layers, created: None }), shown))
}

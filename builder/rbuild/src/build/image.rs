//! Hop 7: the solved values of a graph made into images. Knows no tag and no output.

use super::keep::nowhere;
use crate::assemble::{self, Image};
use crate::ctx::{Ctx, Place};
use crate::error::{Error, Result};
use crate::request::{BuildRequest, Output as Destination, OutputKind};
use crate::solve::schedule::Values;
use crate::solve::{Made, Value};
use crate::stack::Stack;
use rbuild_graph::{BuildGraph, Target, VertexId};
use rbuild_oci::Timestamp;
use rbuild_records::{Output, Recipe, Record};
use std::sync::atomic::Ordering;

/// The image of a target and its files, and whether layers came for it. The files are here afterwards, unless what is
/// asked for lies elsewhere only.
pub(super) fn image(
    ctx: Ctx<'_>,
    request: &BuildRequest,
    graph: &BuildGraph,
    target: &Target,
    values: &Values<Value>,
) -> Result<((Image, Stack), bool)> {
    let stack = match target.result {
        Some(id) => values.get(id).ok_or_else(|| Error::Step("the target was not built".into()))?.stack()?.clone(),
        None => Stack::default(),
    };
    let (stack, came) = if stays_here(request) { whole(ctx, &stack)? } else { (stack, false) };
    let outcomes = |id: VertexId| -> Option<Made> {
        match values.get(id)? {
            Value::Files(_, made) => Some(made.clone()),
            Value::Tree(_) => None,
        }
    };
    let assemble = |time| assemble::assemble(target, stack.storeys(), &outcomes, time);
    let image = match graph.source_date_epoch {
        Some(epoch) => assemble(Timestamp::from_seconds(epoch))?,
        None => remembered(ctx, &stack, &assemble)?,
    };
    Ok(((image.carrying(&(ctx.inline)(), stack.storeys())?, stack), came))
}

/// Whether what is built is to be used from here: under a name that is not pushed, by its id, or as files. What only goes
/// to registries, or nowhere, leaves layers where they are.
fn stays_here(request: &BuildRequest) -> bool {
    let is_pushed = request.outputs.iter().any(|output| output.push);
    let leaves = |output: &Destination| output.push || output.kind == OutputKind::CacheOnly;
    let is_local = request.outputs.is_empty() || !request.outputs.iter().all(leaves);
    is_local || !is_pushed && !request.tags.is_empty()
}

/// The stack with all of its layers here, and whether any of them came for that.
fn whole(ctx: Ctx<'_>, stack: &Stack) -> Result<(Stack, bool)> {
    let (layers, ids) = (ctx.store.layers(), stack.diff_ids());
    let lacks = ids.iter().try_fold(false, |any, id| Ok::<_, Error>(any || !layers.has(id)?))?;
    if lacks {
        ctx.wrote.fetch_or(ctx.place == Place::Inside, Ordering::Relaxed);
        layers.bring(&ids)?;
    }
    let here = ids.iter().map(|id| layers.get(id)?.ok_or_else(|| nowhere(id)));
    Ok((Stack::of(here.collect::<Result<Vec<_>>>()?), lacks))
}

/// Times that no step tells are remembered by what else is in the image, so that the same build gives the same bytes.
fn remembered(ctx: Ctx<'_>, stack: &Stack, assemble: &dyn Fn(Timestamp) -> Result<Image>) -> Result<Image> {
    let timeless = assemble(Timestamp::default())?;
    let created = ctx.clock.now();
    let image = assemble(created)?;
    if image == timeless {
        return Ok(image);
    }
    let recipe = Recipe::new().with("op", "assemble").with("image", timeless.id.to_string());
    if let Some(record) = ctx.cache.get(&recipe.key())? {
        return assemble(record.created);
    }
    ctx.cache.put(&Record { recipe, parent: stack.chain(), output: Output::Unchanged, created })?;
    Ok(image)
}

//! Hop 7: the solved values of a graph made into images. Knows no tag and no output.

use crate::assemble::{self, Image};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::solve::schedule::Values;
use crate::solve::{Made, Value};
use crate::stack::Stack;
use rbuild_graph::{BuildGraph, Target, VertexId};
use rbuild_oci::Timestamp;
use rbuild_records::{Output, Recipe, Record};

/// The image of a target, and its files.
pub(super) fn image(
    ctx: Ctx<'_>,
    graph: &BuildGraph,
    target: &Target,
    values: &Values<Value>,
) -> Result<(Image, Stack)> {
    let stack = match target.result {
        Some(id) => values.get(id).ok_or_else(|| Error::Step("the target was not built".into()))?.stack()?.clone(),
        None => Stack::default(),
    };
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
    Ok((image, stack))
}

/// Times that no step tells are remembered by what else is in the image, so that the same build gives the same bytes.
fn remembered(ctx: Ctx<'_>, stack: &Stack, assemble: &dyn Fn(Timestamp) -> Result<Image>) -> Result<Image> {
    let timeless = assemble(Timestamp::default())?;
    let recipe = Recipe::new().with("op", "assemble").with("image", timeless.id.to_string());
    if let Some(record) = ctx.cache.get(&recipe.key())? {
        return assemble(record.created);
    }
    let created = ctx.clock.now();
    let image = assemble(created)?;
    if image != timeless {
        ctx.cache.put(&Record { recipe, parent: stack.chain(), output: Output::Unchanged, created })?;
    }
    Ok(image)
}

//! A base image: its layers as they are. Knows neither registries nor layouts.

use crate::error::Result;
use crate::solve::{Made, Shown, Value, Work};
use rbuild_graph::ImageOp;

/// The image's files; what is not in the store yet is brought there.
pub fn solve(work: &Work<'_>, image: &ImageOp) -> Result<(Value, Shown)> {
    let stack = (work.inputs.image)(image)?;
    let layers = stack.storeys().len();
    Ok((Value::Files(stack, Made { layers, created: None }), Shown::Cached))
}

//! A directory of the caller, opened when first needed.

use crate::error::Result;
use crate::solve::{Shown, Value, Work};
use rbuild_graph::ContextOp;

/// The context as a tree; nothing of it is read yet.
pub fn solve(work: &Work<'_>, context: &ContextOp) -> Result<(Value, Shown)> {
    Ok((Value::Tree((work.inputs.context)(context.name.as_deref())?), Shown::Silent))
}

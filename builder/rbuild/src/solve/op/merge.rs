//! Layers made without their parent, put on top of it: COPY --link.

use crate::error::{Error, Result};
use crate::solve::{Made, Shown, Value};
use crate::stack::Stack;

/// The parent's layers with the input's on top.
pub fn solve(parent: &Stack, inputs: &[&Value]) -> Result<(Value, Shown)> {
    let [Value::Files(top, made)] = inputs else {
        return Err(Error::Step("a merge has one input, and it is files".to_owned()));
    };
    let stack = top.storeys().iter().fold(parent.clone(), |stack, storey| stack.with(storey.layer.clone()));
    let made = Made { layers: top.storeys().len(), created: made.created };
    Ok((Value::Files(stack, made), Shown::Silent))
}

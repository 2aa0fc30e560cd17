//! Content of the store that is not what its name says: found once a step stumbles over it, and put away, so that the
//! next build makes it anew. Knows no step.

use super::{Value, Work};
use crate::error::Error;
use crate::stack::Stack;

/// What is behind an error of reading inputs: the damaged layer, if there is one.
pub(super) fn trace(work: &Work<'_>, inputs: &[&Value], error: Error) -> Error {
    let stacks = inputs.iter().filter_map(|value| value.stack().ok());
    trace_stacks(work, stacks, error)
}

/// What is behind an error of reading stacks: the damaged layer, if there is one.
pub(super) fn trace_stacks<'s>(work: &Work<'_>, stacks: impl IntoIterator<Item = &'s Stack>, error: Error) -> Error {
    use rbuild_store::Error::{Changed, Corrupt};
    if !matches!(error, Error::Store(Changed { .. } | Corrupt { .. })) {
        return error;
    }
    let layers = work.ctx.store.layers();
    for storey in stacks.into_iter().flat_map(Stack::storeys) {
        // What is not here was read from nowhere.
        let here = layers.has(&storey.layer.diff_id).unwrap_or(true);
        if here && let Err(damage) = layers.verify(&storey.layer.diff_id, work.ctx.cancel) {
            return damage.into();
        }
    }
    error
}

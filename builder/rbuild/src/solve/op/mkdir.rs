//! WORKDIR: a directory, made with those above it where it is missing.

use crate::error::{Error, Result};
use crate::solve::place::{Made, Placement};
use crate::solve::{Shown, Step, Value, Work, layer, owner};
use crate::stack::Stack;
use rbuild_graph::MkdirOp;

/// Makes the directory in a layer of its own, or finds that it exists.
pub fn solve(work: &Work<'_>, mkdir: &MkdirOp, parent: &Stack) -> Result<(Value, Shown)> {
    let mut step = Step::new(work, parent);
    if let Some(found) = step.look_up(step.recipe(parent))? {
        return Ok(found);
    }
    step.begin()?;
    let view = work.shelf.view(parent)?;
    let owner = owner::resolve(work, mkdir.owner.as_deref(), parent, &view)?;
    let lookup = layer::lookup(&view);
    let made = Made { owner, mode: mkdir.mode, mtime: step.now().seconds };
    let mut placement = Placement::<layer::Data<'_>>::new(&lookup, made);
    let target = placement.resolve(mkdir.path.as_bytes(), crate::tree::Follow::All)?;
    if placement.lookup(&target)?.is_some_and(|entry| !entry.node.is_directory()) {
        return Err(Error::NotADirectory { path: mkdir.path.clone() });
    }
    placement.make_directories(&target)?;
    if placement.is_empty() {
        return step.unchanged();
    }
    let fresh = layer::write(work, placement.finish()?)?;
    Ok(step.keep(fresh)?.value)
}

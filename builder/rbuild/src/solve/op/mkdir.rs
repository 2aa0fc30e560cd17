//! WORKDIR: a directory, made with those above it where it is missing.

use crate::error::Result;
use crate::solve::place::{Made, Placement};
use crate::solve::{Shown, Stack, Step, Value, Work, layer, owner};
use rbuild_graph::MkdirOp;
use rbuild_store::layer::Node;

/// Makes the directory in a layer of its own, or finds that it exists.
pub fn solve(work: &Work<'_>, mkdir: &MkdirOp, parent: &Stack) -> Result<(Value, Shown)> {
    let mut step = Step::new(work, parent);
    if let Some(found) = step.look_up(step.recipe(parent))? {
        return Ok(found);
    }
    step.begin()?;
    let view = work.shelf.view(parent)?;
    let (uid, gid) = owner::resolve(work, mkdir.owner.as_deref(), parent, &view)?.unwrap_or_default();
    let lookup = layer::lookup(&view);
    let made = Made { uid, gid, mode: mkdir.mode, mtime: step.now().seconds };
    let mut placement = Placement::<layer::Data<'_>>::new(&lookup, made);
    // A file in the place of the directory is reported by the RUN that needs it, as Docker does.
    let target = placement.resolve(mkdir.path.as_bytes(), crate::tree::Follow::All)?;
    let is_file = |node: &Node| !node.is_directory();
    if !placement.lookup(&target)?.is_some_and(|entry| is_file(&entry.node)) {
        placement.make_directories(&target)?;
    }
    if placement.is_empty() {
        return step.unchanged();
    }
    let fresh = layer::write(work, placement.finish()?)?;
    Ok(step.keep(fresh)?.value)
}

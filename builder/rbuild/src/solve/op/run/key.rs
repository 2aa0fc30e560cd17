//! What a RUN depends on: its definition, its parent, the content of what is mounted and of what caches begin with, and how
//! faithful the executor is. Secrets, ssh agents, what is in cache mounts and proxies are left out.

use crate::error::Result;
use crate::explain::{Gathering, Listing};
use crate::solve::seen;
use crate::solve::select::{self, Match};
use crate::solve::{Step, Value, Work};
use crate::stack::Stack;
use crate::tree::{StageTree, Tree};
use rbuild_graph::{Input, Mount, RunOp};
use rbuild_records::Recipe;
use std::collections::BTreeMap;

/// What each mount shows, by target; those that do not count are left out.
pub(super) type Shown<'a> = BTreeMap<&'a str, String>;

/// Looks at what the mounts show.
pub(super) fn shown<'a>(work: &Work<'_>, run: &'a RunOp, inputs: &[&Value]) -> Result<Shown<'a>> {
    let mut shown = BTreeMap::new();
    for (target, input, source) in run.mounts.iter().filter_map(shows) {
        shown.insert(target, content(work, inputs[input.0 as usize], source)?);
    }
    Ok(shown)
}

/// The files that the mounts show, but for those of whole stages.
pub(super) fn listing(work: &Work<'_>, run: &RunOp, inputs: &[&Value]) -> Result<Listing> {
    let mut files = Gathering::default();
    for (target, input, source) in run.mounts.iter().filter_map(shows) {
        let select = |tree: &dyn Tree| select::select_plain(tree, source);
        if let Some(matches) = with_files(work, inputs[input.0 as usize], source, select)? {
            files.add(&part(target), matches.iter().flat_map(Match::entries));
        }
    }
    Ok(files.finish())
}

/// The recipe of a RUN.
pub(super) fn recipe(work: &Work<'_>, step: &Step<'_>, parent: &Stack, shown: &Shown<'_>) -> Recipe {
    let recipe = step.recipe(parent).with("fidelity", work.ctx.fidelity);
    shown.iter().fold(recipe, |recipe, (target, content)| recipe.with(part(target), content))
}

/// The part of the recipe that the files of a mount make.
fn part(target: &str) -> String {
    format!("files of {target}")
}

/// Where a mount shows files that count, of which input, and which of them.
fn shows(mount: &Mount) -> Option<(&str, Input, &str)> {
    let (target, input, source) = match mount {
        Mount::Bind(bind) => (&bind.target, bind.input, &bind.source),
        Mount::Cache(cache) => (&cache.target, cache.input, &cache.source),
        Mount::Tmpfs(_) | Mount::Secret(_) | Mount::Ssh(_) => return None,
    };
    input.map(|input| (&**target, input, &**source))
}

/// The identity of what lies at `source`: a whole stage by its layers, anything else by its files.
fn content(work: &Work<'_>, value: &Value, source: &str) -> Result<String> {
    let digest = |tree: &dyn Tree| seen::digest_plain(tree, source).map(|digest| digest.to_string());
    with_files(work, value, source, digest)?.map_or_else(|| Ok(value.stack()?.name()), Ok)
}

/// What `look` makes of the tree in which `source` lies; none where that is a whole stage.
fn with_files<T>(
    work: &Work<'_>,
    value: &Value,
    source: &str,
    look: impl FnOnce(&dyn Tree) -> Result<T>,
) -> Result<Option<T>> {
    match value {
        Value::Files(..) if source == "/" => Ok(None),
        Value::Files(stack, _) => look(&StageTree::new(work.ctx.store, work.shelf.view(stack)?, stack)).map(Some),
        Value::Tree(tree) => look(&**tree).map(Some),
    }
}

//! What a RUN depends on: its definition, its parent, the content of what is mounted and of what caches begin with, and how
//! faithful the executor is. Secrets, ssh agents, what is in cache mounts and proxies are left out.

use crate::error::Result;
use crate::solve::select;
use crate::solve::{Step, Value, Work};
use crate::stack::Stack;
use crate::tree::StageTree;
use rbuild_graph::{Mount, RunOp};
use rbuild_records::Recipe;
use std::collections::BTreeMap;

/// What each mount shows, by target; those that do not count are left out.
pub(super) type Shown<'a> = BTreeMap<&'a str, String>;

/// Looks at what the mounts show.
pub(super) fn shown<'a>(work: &Work<'_>, run: &'a RunOp, inputs: &[&Value]) -> Result<Shown<'a>> {
    let mut shown = BTreeMap::new();
    for mount in &run.mounts {
        let (target, input, source) = match mount {
            Mount::Bind(bind) => (&bind.target, bind.input, &bind.source),
            Mount::Cache(cache) => (&cache.target, cache.input, &cache.source),
            Mount::Tmpfs(_) | Mount::Secret(_) | Mount::Ssh(_) => continue,
        };
        if let Some(input) = input {
            shown.insert(target.as_str(), content(work, inputs[input.0 as usize], source)?);
        }
    }
    Ok(shown)
}

/// The recipe of a RUN.
pub(super) fn recipe(work: &Work<'_>, step: &Step<'_>, run: &RunOp, parent: &Stack, shown: &Shown<'_>) -> Recipe {
    let mut recipe = step.recipe(parent).with("fidelity", work.ctx.fidelity);
    let words = run.argv.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>();
    recipe = recipe.with("command", words.join(" ")).with("user", &run.user).with("directory", &run.cwd);
    for (name, value) in &run.env {
        recipe = recipe.with(format!("env {name}"), value);
    }
    shown.iter().fold(recipe, |recipe, (target, content)| recipe.with(format!("mount {target}"), content))
}

/// The identity of what lies at `source`: a whole stage by its layers, anything else by its files.
fn content(work: &Work<'_>, value: &Value, source: &str) -> Result<String> {
    let matches = match value {
        Value::Files(stack, _) if source == "/" => return Ok(stack.name()),
        Value::Files(stack, _) => {
            let tree = StageTree::new(work.ctx.store, work.shelf.view(stack)?, stack);
            select::select_plain(&tree, source)?
        }
        Value::Tree(tree) => select::select_plain(&**tree, source)?,
    };
    Ok(select::digest(&matches).to_string())
}

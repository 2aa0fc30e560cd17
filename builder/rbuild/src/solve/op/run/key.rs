//! What a RUN depends on: its definition, its parent, the content of what is mounted, and how faithful the executor is.
//! Secrets, ssh agents, cache mounts and proxies are left out.

use crate::error::Result;
use crate::solve::select::{self, Wanted};
use crate::solve::{Stack, Step, Value, Work};
use rbuild_graph::{Mount, RunOp};
use rbuild_records::Recipe;
use std::collections::BTreeMap;

/// What each mount shows, by target; those that do not count are left out.
pub(super) type Shown<'a> = BTreeMap<&'a str, String>;

/// Looks at what the mounts show.
pub(super) fn shown<'a>(run: &'a RunOp, inputs: &[&Value]) -> Result<Shown<'a>> {
    let mut shown = BTreeMap::new();
    for mount in &run.mounts {
        if let Mount::Bind(bind) = mount
            && let Some(input) = bind.input
        {
            shown.insert(&*bind.target, content(inputs[input.0 as usize], &bind.source)?);
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

/// The identity of what a bind mount shows.
fn content(value: &Value, source: &str) -> Result<String> {
    match value {
        Value::Files(stack, _) => Ok(stack.name()),
        Value::Tree(tree) => {
            let wanted = Wanted { path: source, below: None, excludes: &[] };
            Ok(select::digest(&select::select(&**tree, &wanted)?).to_string())
        }
    }
}

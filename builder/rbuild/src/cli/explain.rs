//! `rbuild explain`: why the steps of a build ran, looked at afterwards. What differs was found while the build ran.

use super::globals::Globals;
use super::out::{complain, print};
use crate::error::{Error, Result};
use crate::explain::{Diary, Noted, Side, Why, elsewhere, side, table};
use crate::render::{align_by, printable};
use crate::request::CacheFrom;
use crate::sharing::looked_at;
use clap::{Args, ValueEnum};
use rbuild_oci::Cancel;
use rbuild_records::{CacheBackend, Distant, LocalBackend, Recipe};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Say why the steps of a build ran: what differs from the nearest time before
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// The build: the name of an image (the last build that gave it), an id or its beginning, or `latest`
    #[arg(value_name = "TAG|BUILD", default_value = "latest")]
    build: String,
    /// One step, by its number: all that it was made from, and all that differs
    #[arg(value_name = "STEP", value_parser = number)]
    step: Option<usize>,
    /// Say, too, why these caches of other machines would not have the step, as `rbuild build` names them
    #[arg(long = "cache-from", value_name = "SPEC", requires = "step")]
    cache_from: Vec<String>,
    /// How to print it
    #[arg(long, value_name = "HOW", value_enum, default_value = "table")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// A step's number, with or without its sign.
fn number(text: &str) -> std::result::Result<usize, &'static str> {
    text.trim_start_matches('#').parse().map_err(|_| "give the number of a step, as in 3 or #3")
}

/// Prints what is known.
pub fn run(args: &ExplainArgs, globals: &Globals) -> Result<ExitCode> {
    let store = globals.store()?;
    let diary = Diary::find(&store, &args.build)?;
    let cache = LocalBackend::of(&store);
    let text = match (args.step, args.format) {
        (None, Format::Table) => table(&diary.steps),
        (None, Format::Json) => json(&json!(diary))?,
        (Some(step), format) => {
            let noted = diary.step(step)?;
            let side = side(&cache, &store, noted)?;
            let far = far(&args.cache_from, globals, noted, side.as_ref())?;
            let recipe = side.map(|side| side.recipe);
            match format {
                Format::Table => detail(noted, &far, recipe.as_ref()),
                Format::Json => json(&json!({"step": noted, "far": far, "recipe": recipe}))?,
            }
        }
    };
    print(&text).map(|()| ExitCode::SUCCESS)
}

/// What caches of other machines have of a step, each under its name; the reason is none where the step is there.
fn far(texts: &[String], globals: &Globals, noted: &Noted, side: Option<&Side>) -> Result<Vec<(String, Option<Why>)>> {
    let from = texts.iter().map(|text| CacheFrom::parse(text)).collect::<Result<Vec<_>>>()?;
    let (caches, said) = looked_at(&from, &globals.network(), &Cancel::new())?;
    let ask = |cache: &Distant, side: &Side| Ok((cache.name().to_owned(), elsewhere(cache, noted, side)?));
    let found = match side {
        Some(side) => caches.iter().map(|cache| ask(cache, side)).collect(),
        None => Ok(Vec::new()),
    };
    said.take().iter().for_each(|text| complain(&format!("WARNING: {text}\n")));
    found
}

fn json(value: &Value) -> Result<String> {
    let failed = |source| Error::from(rbuild_oci::Error::Json { what: "explanation", source });
    serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(failed)
}

/// A step in full.
fn detail(noted: &Noted, far: &[(String, Option<Why>)], recipe: Option<&Recipe>) -> String {
    let mut text = format!("#{} {}\n", noted.step, printable(&noted.name));
    let mut say = |name: &str, value: &str| text.push_str(&format!("{name}\t{}\n", printable(value)));
    let took = noted.seconds.map(|seconds| format!(" in {seconds:.1}s")).unwrap_or_default();
    say("result:", &format!("{}{took}", noted.outcome.word()));
    if let Some(image) = &noted.image {
        say("image:", &image.0.short());
    }
    if let Some(key) = &noted.key {
        say("key:", &key.to_string());
    }
    let reasons = match &noted.why {
        Some(Why::Differs { differences }) => differences.iter().map(ToString::to_string).collect(),
        why => why.iter().map(ToString::to_string).collect::<Vec<_>>(),
    };
    for reason in reasons {
        say("not cached:", &reason);
    }
    for (cache, why) in far {
        let found = why.as_ref().map_or_else(|| "it is there".to_owned(), |why| format!("not there: {why}"));
        say(&format!("{}:", printable(cache)), &found);
    }
    for part in recipe.iter().flat_map(|recipe| recipe.parts()) {
        say(&format!("  {}", printable(&part.name)), &part.value);
    }
    align_by(&text, 0, 2)
}

//! One test suite for every backend, one for every depot, and doubles that fail on purpose.

pub mod depot;
mod gha;
mod server;

pub use gha::{ActionsCache, Token};
pub use server::Server;

use crate::backend::CacheBackend;
use crate::error::{Error, Result};
use crate::key::{CacheKey, Recipe};
use crate::record::{Output, Record};
use crate::trail::{StepName, Trace};
use rbuild_oci::Timestamp;
use std::io;

/// A record whose recipe has `name` in it.
pub fn record(name: &str) -> Record {
    Record {
        recipe: Recipe::new().with("op", name),
        parent: None,
        output: Output::Unchanged,
        created: Timestamp::from_seconds(1_700_000_000),
    }
}

/// Everything a backend promises; returns what does not hold. `backend` must be empty.
pub fn conformance(backend: &dyn CacheBackend) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            wrong.push(format!("{}: {what}", backend.name()));
        }
    };
    let (one, two) = (record("one"), record("two"));
    check(backend.get(&one.key())?.is_none(), "an empty backend has no record");
    backend.put(&one)?;
    check(backend.get(&one.key())?.as_ref() == Some(&one), "what was put is found");
    check(backend.get(&two.key())?.is_none(), "another key is not");
    let later = Record { created: Timestamp::from_seconds(1_800_000_000), ..one.clone() };
    backend.put(&later)?;
    check(backend.get(&one.key())?.as_ref() == Some(&later), "the last record of a key counts");
    let (step, base) = (StepName::of(&["a step"]), None);
    let trace = Trace { recipe: one.recipe, text: "one".to_owned(), base, files: None, created: one.created };
    backend.trace(&step, &trace)?;
    let trail = backend.trail(&step)?;
    check(trail.traces().iter().all(|found| *found == trace), "a trail has nothing but what was added");
    check(backend.trail(&StepName::of(&["another"]))?.traces().is_empty(), "another step's trail is empty");
    Ok(wrong)
}

/// A backend whose every call fails, as a full or broken disk does.
#[derive(Debug, Default)]
pub struct FailingBackend;

impl FailingBackend {
    fn error(operation: &'static str, key: CacheKey) -> Error {
        Error::Io { operation, key, backend: "failing".to_owned(), source: io::ErrorKind::StorageFull.into() }
    }
}

impl CacheBackend for FailingBackend {
    fn name(&self) -> &str {
        "failing"
    }

    fn get(&self, key: &CacheKey) -> Result<Option<Record>> {
        Err(Self::error("read", *key))
    }

    fn put(&self, record: &Record) -> Result<()> {
        Err(Self::error("write", record.key()))
    }
}

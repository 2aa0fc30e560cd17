//! The latest results of a step by what the step is called, so that a miss can be told from what was before. Knows names
//! and recipes, not what they mean. A trail is a hint: where one is lost, less can be said, and nothing is built otherwise.

use crate::depot::{Kind, Name};
use crate::key::{CacheKey, Recipe};
use rbuild_oci::{Descriptor, Digest, Hasher, Timestamp, to_canonical_json};
use serde::{Deserialize, Serialize};

/// What a step is called: the SHA-256 of some words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepName(Digest);

impl StepName {
    /// The name that these words make, in their order.
    pub fn of(words: &[&str]) -> Self {
        let mut hasher = Hasher::new();
        for word in words {
            hasher.update(&(word.len() as u64).to_le_bytes());
            hasher.update(word.as_bytes());
        }
        Self(hasher.finish())
    }

    /// The 64 hexadecimal characters of the name.
    pub fn hex(&self) -> String {
        self.0.hex()
    }
}

impl From<StepName> for Name {
    fn from(name: StepName) -> Self {
        Self::new(Kind::Step, name.0)
    }
}

/// One time that a step was executed: from what, and what people know of that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// What it was made from.
    pub recipe: Recipe,
    /// What it did, as people read it.
    pub text: String,
    /// The image that it all began with, and its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The blob that lists the files which went in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Descriptor>,
    /// When.
    pub created: Timestamp,
}

/// The latest traces of a step, the latest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trail {
    traces: Vec<Trace>,
}

/// What a document holds.
#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    traces: Vec<Trace>,
}

impl Trail {
    /// The version that is written, and the only one that is read.
    pub const VERSION: u32 = 1;

    /// As many traces are kept.
    pub const MOST: usize = 16;

    /// A trail is no larger than this in bytes, however long its recipes are.
    pub const LIMIT: usize = 256 << 10;

    /// The traces, the latest first.
    pub fn traces(&self) -> &[Trace] {
        &self.traces
    }

    /// The trail with only the traces of which that is said.
    #[must_use]
    pub fn of(mut self, holds: impl FnMut(&Trace) -> bool) -> Self {
        self.traces.retain(holds);
        self
    }

    /// The trail with one trace more.
    #[must_use]
    pub fn with(self, trace: Trace) -> Self {
        self.merged(Self { traces: vec![trace] })
    }

    /// What two trails of one name know together. Of several traces with one key the latest stays.
    #[must_use]
    pub fn merged(mut self, other: Self) -> Self {
        self.traces.extend(other.traces);
        self.traces.sort_by_key(|trace| std::cmp::Reverse(trace.created));
        let mut seen: Vec<CacheKey> = Vec::new();
        self.traces.retain(|trace| {
            let key = trace.recipe.key();
            let is_new = !seen.contains(&key);
            seen.extend(is_new.then_some(key));
            is_new
        });
        self.traces.truncate(Self::MOST);
        self
    }

    /// The bytes that are kept under the step's name; the oldest traces are left out where it would be too long.
    pub fn to_bytes(&self) -> Result<Vec<u8>, rbuild_oci::Error> {
        let mut written = Written { version: Self::VERSION, traces: self.traces.clone() };
        loop {
            let bytes = to_canonical_json(&written)?;
            if bytes.len() <= Self::LIMIT || written.traces.pop().is_none() {
                return Ok(bytes);
            }
        }
    }

    /// The trail in these bytes; an empty one where they are none that this program reads.
    pub fn read(bytes: &[u8]) -> Self {
        let written = serde_json::from_slice::<Written>(bytes).ok();
        let traces = written.filter(|written| written.version == Self::VERSION).map(|written| written.traces);
        Self::default().merged(Self { traces: traces.unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(op: &str, seconds: i64) -> Trace {
        let recipe = Recipe::new().with("op", op);
        Trace { recipe, text: op.to_owned(), base: None, files: None, created: Timestamp::from_seconds(seconds) }
    }

    fn texts(trail: &Trail) -> Vec<&str> {
        trail.traces().iter().map(|trace| &*trace.text).collect()
    }

    #[test]
    fn the_latest_come_first_and_each_key_once() {
        let near = Trail::default().with(trace("a", 1)).with(trace("b", 3));
        let far = Trail::default().with(trace("a", 4)).with(trace("c", 2));
        let both = near.merged(far);
        assert_eq!(texts(&both), ["a", "b", "c"]);
        assert_eq!(Trail::read(&both.to_bytes().unwrap()), both);
    }

    #[test]
    fn it_stays_short() {
        let many = (0..99).fold(Trail::default(), |trail, at| trail.with(trace(&at.to_string(), at)));
        assert_eq!((many.traces().len(), texts(&many)[0]), (Trail::MOST, "98"));
        let long = "x".repeat(Trail::LIMIT / 3);
        let long = (0..9).fold(Trail::default(), |trail, at| trail.with(trace(&format!("{long}{at}"), at)));
        let bytes = long.to_bytes().unwrap();
        assert!(bytes.len() <= Trail::LIMIT && Trail::read(&bytes).traces().len() == 1);
    }

    #[test]
    fn what_cannot_be_read_is_empty() {
        for bytes in [&b""[..], b"{", b"{\"version\":2,\"traces\":[]}"] {
            assert_eq!(Trail::read(bytes), Trail::default());
        }
    }
}

//! Keys and the recipes they are made from. Knows names and values, not what they mean.

use rbuild_oci::{Digest, Hasher};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The name under which a step's result is kept: the SHA-256 of its [`Recipe`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CacheKey(Digest);

impl CacheKey {
    /// The 64 hexadecimal characters of the key.
    pub fn hex(&self) -> String {
        self.0.hex()
    }

    /// The digest that it is.
    pub const fn digest(&self) -> Digest {
        self.0
    }
}

impl fmt::Display for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.hex())
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheKey({})", self.0.hex())
    }
}

/// One named input of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What the input is: "parent", "files", "op".
    pub name: String,
    /// Its value as text; bytes that are not UTF-8 are written as their digest.
    pub value: String,
}

/// Everything a step's result depends on, by name, in a fixed order. It is kept with the record, so that "why was this
/// not cached?" can be answered by comparing two recipes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Recipe {
    parts: Vec<Part>,
}

/// Begins every key, so that another way of making keys never meets this one's records.
const SCHEMA: &str = "rbuild-key/2";

impl Recipe {
    /// A recipe without inputs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an input and returns the recipe.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parts.push(Part { name: name.into(), value: value.into() });
        self
    }

    /// The inputs in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The key: SHA-256 over the schema and each name and value behind its length, so that no two recipes run together.
    pub fn key(&self) -> CacheKey {
        let mut hasher = Hasher::new();
        let mut put = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        put(SCHEMA);
        for part in &self.parts {
            put(&part.name);
            put(&part.value);
        }
        CacheKey(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_values_do_not_run_together() {
        let key = |name: &str, value: &str| Recipe::new().with(name, value).key();
        assert_ne!(key("ab", "c"), key("a", "bc"));
        assert_ne!(Recipe::new().with("a", "").with("b", "").key(), Recipe::new().with("a", "b").key());
        assert_eq!(key("a", "b"), key("a", "b"));
    }

    #[test]
    fn the_order_of_inputs_counts() {
        let (one, two) = (Recipe::new().with("a", "1"), Recipe::new().with("b", "2"));
        assert_ne!(one.with("b", "2").key(), two.with("a", "1").key());
    }
}

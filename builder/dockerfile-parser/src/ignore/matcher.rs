//! Which pattern decides over a path. Knows nothing of how patterns are written.
use super::Patterns;

/// Matches paths against patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matcher {
    patterns: Patterns,
}

/// What a directory's patterns mean for what is in it; the default is that of the context's root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carry(Vec<bool>);

/// The pattern that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the path is ignored.
    pub ignored: bool,
    /// The line of the deciding pattern.
    pub line: u32,
}

impl Matcher {
    /// A matcher for these patterns.
    pub fn new(patterns: Patterns) -> Self {
        Matcher { patterns }
    }

    /// Whether there is nothing to match.
    pub fn is_empty(&self) -> bool {
        self.patterns.patterns.is_empty()
    }

    /// The verdict over a path by itself, its parents considered; `None`: no pattern applies, it is not ignored.
    pub fn matches(&self, path: &[u8]) -> Option<Verdict> {
        let _ = path;
        None
    }

    /// The verdict over `path`, an entry of the directory whose carry is `parent`.
    pub fn entry(&self, parent: &Carry, path: &[u8]) -> Option<Verdict> {
        let _ = (parent, path);
        None
    }

    /// As [`Matcher::entry`] for a directory, with the carry for its own entries.
    pub fn enter(&self, parent: &Carry, path: &[u8]) -> (Option<Verdict>, Carry) {
        let _ = (parent, path);
        (None, Carry::default())
    }

    /// Whether an entry below the ignored directory `dir` may be re-included by a later `!` pattern.
    pub fn could_reinclude_below(&self, dir: &[u8], carry: &Carry) -> bool {
        let _ = (dir, carry);
        true
    }
}

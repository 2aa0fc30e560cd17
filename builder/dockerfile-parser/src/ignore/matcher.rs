//! Which pattern decides over a path. Knows nothing of how patterns are written.
use super::{Pattern, Patterns};

/// Matches paths against patterns. Paths have no leading slash and no `.` or `..`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matcher {
    patterns: Patterns,
}

/// Which patterns matched a directory: they match all that is in it. The default is that of the context's root.
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

impl Carry {
    fn holds(&self, index: usize) -> bool {
        self.0.get(index).copied().unwrap_or(false)
    }
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

    /// The patterns in order.
    pub fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.patterns.iter()
    }

    /// The verdict over a path by itself, its parents considered; `None`: no pattern applies, it is not ignored.
    pub fn matches(&self, path: &[u8]) -> Option<Verdict> {
        let slashes = path.iter().enumerate().filter(|(at, b)| **b == b'/' && *at > 0);
        let carry = slashes.fold(Carry::default(), |carry, (at, _)| self.enter(&carry, &path[..at]).1);
        self.entry(&carry, path)
    }

    /// The verdict over `path`, an entry of the directory whose carry is `parent`.
    pub fn entry(&self, parent: &Carry, path: &[u8]) -> Option<Verdict> {
        self.decide(parent, path, |_| ())
    }

    /// As [`Matcher::entry`] for a directory, with the carry for its own entries.
    pub fn enter(&self, parent: &Carry, path: &[u8]) -> (Option<Verdict>, Carry) {
        let mut carry = Carry(vec![false; self.patterns.patterns.len()]);
        let verdict = self.decide(parent, path, |index| {
            if let Some(slot) = carry.0.get_mut(index) {
                *slot = true;
            }
        });
        (verdict, carry)
    }

    /// Whether an entry below the ignored directory `dir` may be re-included by a later `!` pattern; if not, a walk
    /// may skip the directory. `carry` is that of `dir` itself.
    pub fn could_reinclude_below(&self, dir: &[u8], carry: &Carry) -> bool {
        let patterns = &self.patterns.patterns;
        let carried = |index: &usize| carry.holds(*index) && patterns.get(*index).is_some_and(|p| !p.exclusion);
        let later = (0..patterns.len()).rfind(carried).map_or(0, |index| index + 1);
        patterns[later..].iter().any(|pattern| pattern.exclusion && pattern.may_match_below(dir))
    }

    /// Patterns in order; one that cannot change the verdict so far is looked at only if a parent matched it.
    fn decide(&self, parent: &Carry, path: &[u8], mut matched: impl FnMut(usize)) -> Option<Verdict> {
        let mut verdict: Option<Verdict> = None;
        for (index, pattern) in self.patterns.patterns.iter().enumerate() {
            let ignored = verdict.is_some_and(|verdict| verdict.ignored);
            let applies = parent.holds(index) || (pattern.exclusion == ignored && pattern.matches(path));
            if applies {
                matched(index);
            }
            if applies && pattern.exclusion == ignored {
                verdict = Some(Verdict { ignored: !pattern.exclusion, line: pattern.line });
            }
        }
        verdict
    }
}

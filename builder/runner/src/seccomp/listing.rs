//! The system call numbers that a profile names, in one convention. It knows neither ranges nor instructions.

use std::borrow::Cow;

use super::arch::Arch;
use super::multiplex::multiplexed;
use super::numbers::NONE;
use super::profile::{Action, ArgTest, Compare, Rule};

/// The numbers of one convention that the profile names.
pub(super) struct Listing<'p> {
    /// The convention.
    pub(super) arch: Arch,
    /// The numbers, with those of the x32 convention marked.
    pub(super) entries: Vec<Entry<'p>>,
}

/// A number the profile names, and a case if the rule changes anything.
pub(super) struct Entry<'p> {
    /// The number.
    pub(super) number: u32,
    /// The case.
    pub(super) case: Option<Case<'p>>,
}

/// An action for some arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Case<'p> {
    /// All must hold; none means always.
    pub(super) tests: Cow<'p, [ArgTest]>,
    /// Whether arguments are 64 bits wide.
    pub(super) wide: bool,
    /// What happens then.
    pub(super) action: Action,
}

impl<'p> Listing<'p> {
    /// Names nothing yet.
    pub(super) fn new(arch: Arch) -> Listing<'p> {
        Listing { arch, entries: Vec::new() }
    }

    /// Takes in one name of a rule, with its numbers; `rule` is absent where it says no more than the default does.
    pub(super) fn add(&mut self, name: &str, row: [u32; Arch::ALL.len()], rule: Option<&'p Rule>) {
        let number = row[self.arch as usize];
        if number != NONE {
            self.add_cases(self.arch.window().0 + number, rule, Cow::Borrowed);
        }
        if let Some((number, selector)) = multiplexed(self.arch, name) {
            self.add_cases(number, rule, |tests| Cow::Owned(select(selector, tests)));
        }
    }

    fn add_cases(&mut self, number: u32, rule: Option<&'p Rule>, form: impl Fn(&'p [ArgTest]) -> Cow<'p, [ArgTest]>) {
        let Some(rule) = rule else {
            self.entries.push(Entry { number, case: None });
            return;
        };
        let wide = self.arch.wide();
        let case = |tests| Case { tests: form(tests), wide, action: rule.action };
        if rule.args.is_empty() {
            self.entries.push(Entry { number, case: Some(case(&[])) });
        }
        let together = if tests_one_argument_twice(&rule.args) { 1 } else { rule.args.len().max(1) };
        self.entries.extend(rule.args.chunks(together).map(|tests| Entry { number, case: Some(case(tests)) }));
    }

    /// The newest call the profile names, as its number.
    pub(super) fn newest(&self) -> Option<u32> {
        let numbers = self.entries.iter().map(|entry| entry.number);
        numbers.filter(|number| *number < self.arch.private()).max()
    }
}

fn tests_one_argument_twice(tests: &[ArgTest]) -> bool {
    tests.iter().enumerate().any(|(at, test)| tests[..at].iter().any(|earlier| earlier.index == test.index))
}

/// The tests of a call made through its multiplexer, whose first argument selects the call.
fn select(selector: u64, tests: &[ArgTest]) -> Vec<ArgTest> {
    let first = ArgTest { index: 0, compare: Compare::Eq, value: selector };
    std::iter::once(first).chain(tests.iter().copied().filter(|test| test.index != 0)).collect()
}

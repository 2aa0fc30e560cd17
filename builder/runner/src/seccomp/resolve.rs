//! From a profile to numbers: which rules apply here, and what each range of system call numbers comes to.
//! It knows no instruction.

use std::borrow::Cow;

use super::arch::Arch;
use super::multiplex::multiplexed;
use super::numbers::{NONE, numbers};
use super::profile::{Action, ArgTest, Compare, Profile, Rule, When};

/// What a profile's conditions are asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// The bounding set, as a mask of `1 << capability number`.
    pub caps: u64,
    /// The native convention of the machine.
    pub arch: Arch,
    /// The kernel's version and revision: `(6, 18)` for Linux 6.18.
    pub kernel: (u32, u32),
}

/// What all calls that the kernel reports with one audit value come to.
#[derive(Debug)]
pub(super) struct Section<'p> {
    /// The `AUDIT_ARCH_*` value.
    pub(super) audit: u32,
    /// In order, from number 0 on, neighbours unequal; each reaches to the next one's first number.
    pub(super) ranges: Vec<Range<'p>>,
}

/// Consecutive numbers with the same verdict.
#[derive(Debug)]
pub(super) struct Range<'p> {
    /// The first number.
    pub(super) first: u32,
    /// What they come to.
    pub(super) verdict: Verdict<'p>,
}

/// The action of the first case that matches, else the last resort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict<'p> {
    /// Cases with at least one test each.
    pub(super) cases: Vec<Case<'p>>,
    /// What happens if none matches.
    pub(super) otherwise: Action,
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

/// One section for each audit value that the profile admits on this machine, the native one first.
pub(super) fn sections<'p>(profile: &'p Profile, conditions: &Conditions) -> Vec<Section<'p>> {
    let mut listings: Vec<Listing<'p>> = admitted(profile, conditions.arch).map(Listing::new).collect();
    for rule in profile.rules.iter().filter(|rule| applies(&rule.when, conditions)) {
        let redundant = rule.action == profile.default;
        for name in rule.names.split_ascii_whitespace() {
            let Some(row) = numbers(name) else { continue };
            for listing in &mut listings {
                listing.add(name, row[listing.arch as usize], (!redundant).then_some(rule));
            }
        }
    }
    gather(listings, profile.default)
}

/// The native convention, then those that the profile admits beside it.
fn admitted(profile: &Profile, native: Arch) -> impl Iterator<Item = Arch> {
    let family = profile.families.iter().find(|family| family.native == native);
    let also = family.map(|family| family.also).unwrap_or_default();
    let others = Arch::ALL.into_iter().filter(move |arch| *arch != native && also.contains(*arch));
    std::iter::once(native).chain(others)
}

fn applies(when: &When, conditions: &Conditions) -> bool {
    let caps = conditions.caps & !When::NO_SUCH_CAP;
    when.caps & caps == when.caps
        && when.no_caps & caps == 0
        && when.arches.is_none_or(|arches| arches.contains(conditions.arch))
        && !when.no_arches.contains(conditions.arch)
        && when.since.is_none_or(|kernel| conditions.kernel >= kernel)
        && when.until.is_none_or(|kernel| conditions.kernel < kernel)
}

/// The numbers of one convention that the profile names.
struct Listing<'p> {
    arch: Arch,
    entries: Vec<Entry<'p>>,
}

/// A number the profile names, and a case if the rule changes anything.
struct Entry<'p> {
    number: u32,
    case: Option<Case<'p>>,
}

impl<'p> Listing<'p> {
    fn new(arch: Arch) -> Listing<'p> {
        Listing { arch, entries: Vec::new() }
    }

    /// Takes in one name of a rule; `rule` is absent where it says no more than the default does.
    fn add(&mut self, name: &str, number: u32, rule: Option<&'p Rule>) {
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
    fn newest(&self) -> Option<u32> {
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

/// Joins the conventions that share an audit value; a window that none of them owns kills.
fn gather(listings: Vec<Listing<'_>>, default: Action) -> Vec<Section<'_>> {
    let mut audits: Vec<u32> = listings.iter().map(|listing| listing.arch.audit()).collect();
    audits.dedup();
    let mut listings = listings;
    let mut section = |audit| {
        let mut ranges = Ranges(Vec::new());
        for arch in Arch::ALL.into_iter().filter(|arch| arch.audit() == audit) {
            match listings.iter_mut().find(|listing| listing.arch == arch) {
                Some(listing) => ranges.cover(listing, default),
                None => ranges.forbid(arch, default),
            }
        }
        Section { audit, ranges: ranges.0 }
    };
    audits.into_iter().map(&mut section).collect()
}

struct Ranges<'p>(Vec<Range<'p>>);

impl<'p> Ranges<'p> {
    /// The numbers of one convention: what is listed, the default between, ENOSYS beyond the newest.
    fn cover(&mut self, listing: &mut Listing<'p>, default: Action) {
        let newest = listing.newest();
        let background = |number| if newest.is_some_and(|newest| number > newest) { beyond(default) } else { default };
        let (first, _) = listing.arch.window();
        self.push(first, plain(background(first)));
        listing.entries.sort_by_key(|entry| entry.number);
        for same in listing.entries.chunk_by(|a, b| a.number == b.number) {
            let Some(number) = same.first().map(|entry| entry.number) else { continue };
            self.push(number, verdict(same, default));
            self.push(number + 1, plain(background(number + 1)));
        }
    }

    /// The numbers of a convention that is not admitted; -1 is no call, a tracer makes it to skip one.
    fn forbid(&mut self, arch: Arch, default: Action) {
        let (first, last) = arch.window();
        self.push(first, plain(Action::KillProcess));
        if last == u32::MAX {
            self.push(last, plain(beyond(default)));
        }
    }

    /// From `first` on `verdict` holds.
    fn push(&mut self, first: u32, verdict: Verdict<'p>) {
        self.0.pop_if(|last| last.first == first);
        if self.0.last().is_none_or(|last| last.verdict != verdict) {
            self.0.push(Range { first, verdict });
        }
    }
}

/// What a call newer than the profile comes to: programs take ENOSYS as "an older kernel" and fall back.
fn beyond(default: Action) -> Action {
    const ENOSYS: u16 = 38;
    if default.permits() { default } else { Action::Errno(ENOSYS) }
}

fn verdict<'p>(entries: &[Entry<'p>], default: Action) -> Verdict<'p> {
    let cases = || entries.iter().filter_map(|entry| entry.case.as_ref());
    match cases().find(|case| case.tests.is_empty()) {
        Some(always) => plain(always.action),
        None => Verdict { cases: cases().cloned().collect(), otherwise: default },
    }
}

fn plain<'p>(action: Action) -> Verdict<'p> {
    Verdict { cases: Vec::new(), otherwise: action }
}

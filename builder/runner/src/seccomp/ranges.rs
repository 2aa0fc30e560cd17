//! What every system call number comes to, as ranges. It knows no instruction.

use super::arch::Arch;
use super::listing::{Case, Entry, Listing};
use super::profile::Action;

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

/// Joins the conventions that share an audit value; a window that none of them owns kills.
pub(super) fn gather(mut listings: Vec<Listing<'_>>, default: Action) -> Vec<Section<'_>> {
    let mut audits: Vec<u32> = listings.iter().map(|listing| listing.arch.audit()).collect();
    audits.dedup();
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

//! From a profile to one machine: which rules apply, to which conventions. It knows no instruction.

use super::arch::Arch;
use super::listing::Listing;
use super::numbers::Numbers;
use super::profile::{Profile, When};
use super::ranges::{Section, gather};

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

/// One section for each audit value that the profile admits on this machine, the native one first.
pub(super) fn sections<'p>(profile: &'p Profile, conditions: &Conditions) -> Vec<Section<'p>> {
    let mut listings: Vec<Listing<'p>> = admitted(profile, conditions.arch).map(Listing::new).collect();
    let mut numbers = Numbers::default();
    for rule in profile.rules.iter().filter(|rule| applies(&rule.when, conditions)) {
        let redundant = rule.action == profile.default;
        for name in rule.names.split_ascii_whitespace() {
            let Some(row) = numbers.of(name) else { continue };
            for listing in &mut listings {
                listing.add(name, row, (!redundant).then_some(rule));
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

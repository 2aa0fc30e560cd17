//! Which conventions a profile admits.

use super::filter;
use super::interpreter::{Call, run};
use crate::seccomp::{Action, Arch, ArchSet, Conditions, Family, Profile};

const KILL: u32 = 0x8000_0000;
const ALLOW: u32 = 0x7FFF_0000;

#[test]
fn without_x32_its_numbers_kill_but_minus_one_does_not() {
    let profile = admitting(ArchSet::of(&[Arch::X86]));
    assert_eq!(value(&profile, Arch::X86_64, 0), ALLOW);
    assert_eq!(value(&profile, Arch::X86_64, 1 << 30), KILL);
    assert_eq!(value(&profile, Arch::X86_64, u32::MAX - 1), KILL);
    assert_eq!(value(&profile, Arch::X86_64, u32::MAX), 0x0005_0026);
    assert_eq!(value(&profile, Arch::X86, 3), ALLOW);
}

#[test]
fn only_what_is_admitted_runs() {
    let profile = admitting(ArchSet::default());
    assert_eq!(value(&profile, Arch::X86_64, 0), ALLOW);
    assert_eq!(value(&profile, Arch::X86, 3), KILL);
}

#[test]
fn a_default_that_permits_is_the_answer_to_new_calls_too() {
    let profile = Profile { default: Action::Log, ..admitting(ArchSet::of(&[Arch::X32])) };
    assert_eq!(value(&profile, Arch::X86_64, 999), 0x7FFC_0000);
    assert_eq!(value(&profile, Arch::X86_64, u32::MAX), 0x7FFC_0000);
}

#[test]
fn a_profile_without_rules_has_no_newest_call() {
    let profile = Profile { rules: (&[]).into(), ..admitting(ArchSet::default()) };
    assert_eq!(value(&profile, Arch::X86_64, 0), 0x0005_0001);
    assert_eq!(value(&profile, Arch::X86_64, 999), 0x0005_0001);
}

#[test]
fn a_rule_that_says_what_the_default_says_still_names_its_call() {
    let profile = super::from_json(
        r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
            {"names": ["read"], "action": "SCMP_ACT_ALLOW"}, {"names": ["pidfd_open"], "action": "SCMP_ACT_ERRNO"}]}"#,
    );
    let values = [0, 433, 434, 435].map(|number| value(&profile, Arch::X86_64, number));
    assert_eq!(values, [ALLOW, 0x0005_0001, 0x0005_0001, 0x0005_0026]);
}

/// Docker's profile on x86-64 with these conventions beside it.
fn admitting(also: ArchSet) -> Profile {
    Profile { families: vec![Family { native: Arch::X86_64, also }].into(), ..Profile::docker() }
}

fn value(profile: &Profile, arch: Arch, number: u32) -> u32 {
    let filter = filter(profile, &Conditions { caps: 0, arch: Arch::X86_64, kernel: (6, 18) });
    run(&filter, &Call { audit: arch.audit(), number, args: [0; 6] }).value
}

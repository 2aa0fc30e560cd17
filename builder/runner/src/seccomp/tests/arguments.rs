//! Tests on arguments against their meaning, for every comparison at every edge; and programs with long jumps.

use std::borrow::Cow;

use super::interpreter::{Call, run};
use super::{filter, from_json};
use crate::seccomp::{Action, Arch, ArgTest, Compare, Conditions, Error, Profile, Rule, When, compile};

const EDGES: [u64; 9] = [0, 1, 39, 1 << 31, 0xFFFF_FFFF, 1 << 32, 0x1_0000_0027, 1 << 63, u64::MAX];
const COMPARES: [Compare; 9] = [
    Compare::Eq,
    Compare::Ne,
    Compare::Lt,
    Compare::Le,
    Compare::Gt,
    Compare::Ge,
    Compare::Masked(0x7E02_0000),
    Compare::Masked(0xFFFF_FFFF_0000_0001),
    Compare::Masked(0),
];

#[test]
fn every_comparison_means_what_it_says() {
    for (arch, write) in [(Arch::X86_64, 1), (Arch::X86, 4), (Arch::Aarch64, 64), (Arch::Arm, 4)] {
        for (compare, value) in COMPARES.iter().flat_map(|compare| EDGES.map(|value| (*compare, value))) {
            let test = ArgTest { index: 3, compare, value };
            let filter = filter(&denying(vec![rule("write", vec![test])]), &on(arch));
            for arg in EDGES {
                let call = Call { audit: arch.audit(), number: write, args: [7, 7, 7, arg, 7, 7] };
                let expected = if holds(arch, &test, arg) { 0x7FFF_0000 } else { 0x0005_0001 };
                assert_eq!(run(&filter, &call).value, expected, "{arch:?} {test:?} on {arg:#x}");
            }
        }
    }
}

#[test]
fn all_tests_of_a_rule_must_hold() {
    let rule = rule("write", vec![equal(0, 1), equal(2, 5)]);
    let filter = filter(&denying(vec![rule]), &on(Arch::X86_64));
    let value = |args| run(&filter, &Call { audit: Arch::X86_64.audit(), number: 1, args }).value;
    assert_eq!(value([1, 0, 5, 0, 0, 0]), 0x7FFF_0000);
    assert_eq!(value([1, 0, 6, 0, 0, 0]), 0x0005_0001);
    assert_eq!(value([2, 0, 5, 0, 0, 0]), 0x0005_0001);
}

#[test]
fn one_of_two_tests_on_the_same_argument_is_enough() {
    let rule = rule("write", vec![equal(0, 1), equal(0, 2)]);
    let filter = filter(&denying(vec![rule]), &on(Arch::X86_64));
    let value = |fd| run(&filter, &Call { audit: Arch::X86_64.audit(), number: 1, args: [fd, 0, 0, 0, 0, 0] }).value;
    assert_eq!([value(1), value(2), value(3)], [0x7FFF_0000, 0x7FFF_0000, 0x0005_0001]);
}

#[test]
fn an_unconditional_rule_wins_and_of_others_the_first() {
    let errno = |errno, args| Rule { action: Action::Errno(errno), ..rule("write", args) };
    let first = denying(vec![errno(5, vec![equal(0, 1)]), errno(6, vec![equal(1, 1)])]);
    let always = denying(vec![errno(5, vec![equal(0, 1)]), errno(7, vec![]), errno(8, vec![])]);
    let call = Call { audit: Arch::X86_64.audit(), number: 1, args: [1, 1, 0, 0, 0, 0] };
    assert_eq!(run(&filter(&first, &on(Arch::X86_64)), &call).value, 0x0005_0005);
    assert_eq!(run(&filter(&always, &on(Arch::X86_64)), &call).value, 0x0005_0007);
}

#[test]
fn jumps_beyond_255_instructions_arrive() {
    let calls: Vec<(&str, u32)> = [("read", 0), ("write", 1), ("open", 2), ("close", 3), ("stat", 4)].into();
    let tests = |number: u32| (0..60).map(move |step| equal(0, u64::from(number) << 33 | 1 << 20 | step)).collect();
    let rules = calls.iter().map(|(name, number)| rule(name, tests(*number))).collect();
    let filter = filter(&denying(rules), &on(Arch::X86_64));
    assert!(filter.len() > 1000, "{} instructions", filter.len());
    for number in 0..6 {
        for step in [0, 1, 30, 59, 60] {
            let value = u64::from(number) << 33 | 1 << 20 | step;
            let call = Call { audit: Arch::X86_64.audit(), number, args: [value, 0, 0, 0, 0, 0] };
            let expected = match number {
                0..5 if step < 60 => 0x7FFF_0000,
                0..5 => 0x0005_0001,
                _ => 0x0005_0026,
            };
            assert_eq!(run(&filter, &call).value, expected, "{call:?}");
        }
    }
}

#[test]
fn a_filter_the_kernel_would_refuse_is_an_error() {
    let tests = (0..5000).map(|value| equal(0, value)).collect();
    let error = compile(&denying(vec![rule("write", tests)]), &on(Arch::X86_64)).expect_err("too long");
    assert!(matches!(error, Error::TooLong { most: 4096, .. }), "{error}");
}

#[test]
fn a_rule_on_a_multiplexed_call_holds_both_ways() {
    let profile = from_json(
        r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"],
            "syscalls": [{"names": ["socket", "shmat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13}]}"#,
    );
    let filter = filter(&profile, &on(Arch::X86_64));
    let value = |number, first| run(&filter, &Call { audit: Arch::X86.audit(), number, args: [first; 6] }).value;
    assert_eq!([value(359, 2), value(102, 1), value(397, 0), value(117, 21)], [0x0005_000D; 4]);
    assert_eq!([value(102, 2), value(117, 22), value(4, 1)], [0x7FFF_0000; 3]);
}

fn denying(rules: Vec<Rule>) -> Profile {
    Profile { default: Action::Errno(1), families: (&[]).into(), rules: rules.into(), flags: 0 }
}

fn rule(names: &str, args: Vec<ArgTest>) -> Rule {
    Rule { names: Cow::Owned(names.to_owned()), action: Action::Allow, args: args.into(), when: When::ALWAYS }
}

fn equal(index: u8, value: u64) -> ArgTest {
    ArgTest { index, compare: Compare::Eq, value }
}

fn on(arch: Arch) -> Conditions {
    Conditions { caps: 0, arch, kernel: (6, 18) }
}

/// What a test means: on 32-bit conventions, of the low words.
fn holds(arch: Arch, test: &ArgTest, arg: u64) -> bool {
    let width = if matches!(arch, Arch::X86_64 | Arch::Aarch64) { u64::MAX } else { 0xFFFF_FFFF };
    let (arg, value) = (arg & width, test.value & width);
    match test.compare {
        Compare::Eq => arg == value,
        Compare::Ne => arg != value,
        Compare::Lt => arg < value,
        Compare::Le => arg <= value,
        Compare::Gt => arg > value,
        Compare::Ge => arg >= value,
        Compare::Masked(mask) => arg & mask == value & mask,
    }
}

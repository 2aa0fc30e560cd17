//! Profiles in Docker's JSON.

use super::{capability, from_json};
use crate::seccomp::{Action, Arch, ArchSet, ArgTest, Compare, Family, Profile, Rule, When};

#[test]
fn reads_every_field() {
    let profile = from_json(
        r#"{
            "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "flags": ["SECCOMP_FILTER_FLAG_LOG"],
            "archMap": [
                {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
                {"architecture": "SCMP_ARCH_S390X", "subArchitectures": ["SCMP_ARCH_S390"]},
                {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": null}
            ],
            "syscalls": [{
                "names": ["clone", "unshare"], "action": "SCMP_ACT_TRACE", "errnoRet": 7, "comment": "ignored",
                "args": [{"index": 1, "value": 2114060288, "valueTwo": 4, "op": "SCMP_CMP_MASKED_EQ"}],
                "includes": {"caps": ["CAP_SYS_ADMIN", "CAP_SYS_NICE"], "arches": ["amd64", "ppc64le"], "minKernel": "4.8"},
                "excludes": {"caps": ["CAP_SYS_PTRACE", "CAP_UNHEARD_OF"], "arches": ["arm64"], "minKernel": "7.0"}
            }]
        }"#,
    );
    let expected = Profile {
        default: Action::Errno(38),
        families: vec![
            Family { native: Arch::X86_64, also: ArchSet::of(&[Arch::X86, Arch::X32]) },
            Family { native: Arch::Aarch64, also: ArchSet::default() },
        ]
        .into(),
        rules: vec![Rule {
            names: "clone unshare".into(),
            action: Action::Trace(7),
            args: vec![ArgTest { index: 1, compare: Compare::Masked(0x7E02_0000), value: 4 }].into(),
            when: When {
                caps: 1 << 21 | 1 << 23,
                no_caps: 1 << 19,
                arches: Some(ArchSet::of(&[Arch::X86_64])),
                no_arches: ArchSet::of(&[Arch::Aarch64]),
                since: Some((4, 8)),
                until: Some((7, 0)),
            },
        }]
        .into(),
        flags: 2,
    };
    assert_eq!(profile, expected);
}

#[test]
fn empty_fields_are_as_good_as_none() {
    let full = from_json(
        r#"{"defaultAction": "SCMP_ACT_KILL", "architectures": [], "archMap": null, "listenerPath": "", "syscalls": [
            {"name": "read", "names": [], "action": "SCMP_ACT_ALLOW", "args": [], "comment": "",
             "includes": {}, "excludes": {"caps": [], "arches": [], "minKernel": ""}}]}"#,
    );
    let short = r#"{"defaultAction": "SCMP_ACT_KILL", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}"#;
    assert_eq!(full, from_json(short));
    assert_eq!(full.rules[0].when, When::ALWAYS);
}

#[test]
fn a_rule_for_an_unknown_capability_or_architecture_never_applies() {
    let profile = from_json(
        r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
            {"names": ["read"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_UNHEARD_OF"]}},
            {"names": ["write"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["s390x"]}}]}"#,
    );
    for (arch, read, write) in [(Arch::X86_64, 0, 1), (Arch::Aarch64, 63, 64)] {
        let conditions = super::Conditions { caps: u64::MAX, arch, kernel: (6, 18) };
        let filter = super::filter(&profile, &conditions);
        for number in [read, write] {
            let call = super::interpreter::Call { audit: arch.audit(), number, args: [0; 6] };
            assert_eq!(super::interpreter::run(&filter, &call).value, 0x0005_0001);
        }
    }
}

#[test]
fn names_what_is_wrong() {
    let rule = |rule: &str| format!(r#"{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{rule}]}}"#);
    let arg = |arg: &str| rule(&format!(r#"{{"names": ["read"], "action": "SCMP_ACT_LOG", "args": [{arg}]}}"#));
    let cases = [
        (r#"{"defaultAction": "SCMP_ACT_MAYBE"}"#.to_owned(), r#"unknown action "SCMP_ACT_MAYBE""#),
        (r#"{"defaultAction": "SCMP_ACT_NOTIFY"}"#.to_owned(), "SCMP_ACT_NOTIFY is not supported"),
        (r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 65536}"#.to_owned(), "errnoRet 65536 is more than"),
        (r#"{"defaultAction": "SCMP_ACT_LOG", "flags": ["X"]}"#.to_owned(), r#"unknown flag "X""#),
        (
            r#"{"defaultAction": "SCMP_ACT_LOG", "architectures": ["amd64"]}"#.to_owned(),
            r#"unknown architecture "amd64""#,
        ),
        (
            r#"{"defaultAction": "SCMP_ACT_LOG", "architectures": ["SCMP_ARCH_ARM"],
                "archMap": [{"architecture": "SCMP_ARCH_ARM"}]}"#
                .to_owned(),
            r#""architectures" and "archMap" cannot both be given"#,
        ),
        (rule(r#"{"names": ["read"], "action": "allow"}"#), r#"unknown action "allow""#),
        (rule(r#"{"names": ["a b"], "action": "SCMP_ACT_LOG"}"#), r#"unknown system call "a b""#),
        (rule(r#"{"names": [""], "action": "SCMP_ACT_LOG"}"#), r#"unknown system call """#),
        (rule(r#"{"name": "a", "names": ["b"], "action": "SCMP_ACT_LOG"}"#), r#""name" and "names" cannot both"#),
        (
            rule(r#"{"names": ["a"], "action": "SCMP_ACT_LOG", "includes": {"minKernel": "six"}}"#),
            r#"unknown kernel version "six""#,
        ),
        (arg(r#"{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}"#), "argument index 6 is more than 5"),
        (arg(r#"{"index": 0, "value": 0, "op": "=="}"#), r#"unknown operator "==""#),
        (arg(r#"{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}"#), "reading the seccomp profile"),
        ("{}".to_owned(), "reading the seccomp profile"),
        ("\u{0}".to_owned(), "reading the seccomp profile"),
    ];
    for (text, expected) in cases {
        let error = Profile::from_json(text.as_bytes(), capability).expect_err(&text).to_string();
        assert!(error.contains(expected), "{text}\n{error}");
    }
}

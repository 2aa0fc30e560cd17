//! Docker's default profile, call by call: every line of `docker.txt`.

use super::interpreter::{Call, run};
use super::{DOCKER_CAPS, filter};
use crate::seccomp::{Action, Arch, Conditions, Profile};

const ROWS: &str = include_str!("docker.txt");

#[test]
fn every_row_holds() {
    let rows = ROWS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let wrong: Vec<String> = rows.clone().filter_map(complaint).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(rows.count() >= 100);
}

#[test]
fn the_search_is_short() {
    for arch in [Arch::X86_64, Arch::Aarch64] {
        let conditions = Conditions { caps: DOCKER_CAPS, arch, kernel: (6, 18) };
        let filter = filter(&Profile::docker(), &conditions);
        let calls = (0..600).map(|number| Call { audit: arch.audit(), number, args: [0; 6] });
        let longest = calls.map(|call| run(&filter, &call).steps).max();
        assert!(filter.len() <= 400, "{arch:?}: {} instructions", filter.len());
        assert!(longest <= Some(20), "{arch:?}: {longest:?} steps");
    }
}

#[test]
fn one_convention_takes_few_instructions() {
    for arch in Arch::ALL {
        let mut profile = Profile::docker();
        profile.families = (&[]).into();
        let filter = filter(&profile, &Conditions { caps: DOCKER_CAPS, arch, kernel: (6, 18) });
        assert!(filter.len() <= 200, "{arch:?}: {} instructions", filter.len());
    }
}

#[test]
fn the_same_input_gives_the_same_filter() {
    let conditions = Conditions { caps: DOCKER_CAPS, arch: Arch::X86_64, kernel: (6, 18) };
    assert_eq!(filter(&Profile::docker(), &conditions), filter(&Profile::docker(), &conditions));
}

/// What is wrong with a row, if anything is.
fn complaint(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [caps, abi, number, args, expected, ..] = words[..] else { return Some(format!("malformed: {line}")) };
    let (native, audit, first) = convention(abi);
    let (caps, kernel) = conditions(caps);
    let filter = filter(&Profile::docker(), &Conditions { caps, arch: native, kernel });
    let number = first.wrapping_add(integer(number) as u32);
    let mut call = Call { audit, number, args: [0; 6] };
    for (slot, arg) in call.args.iter_mut().zip(args.split(',').filter(|arg| *arg != "-")) {
        *slot = integer(arg);
    }
    let value = run(&filter, &call).value;
    (value != action(expected).code()).then(|| format!("{line}\n    gave {value:#010x}"))
}

/// The native convention, the audit value and the first number.
fn convention(abi: &str) -> (Arch, u32, u32) {
    match abi {
        "x86_64" => (Arch::X86_64, 0xC000_003E, 0),
        "x32" => (Arch::X86_64, 0xC000_003E, 1 << 30),
        "i386" => (Arch::X86_64, 0x4000_0003, 0),
        "aarch64" => (Arch::Aarch64, 0xC000_00B7, 0),
        "arm" => (Arch::Aarch64, 0x4000_0028, 0),
        "riscv64" => (Arch::X86_64, 0xC000_00F3, 0),
        "aarch64-on-x86" => (Arch::X86_64, 0xC000_00B7, 0),
        "x86_64-on-arm" => (Arch::Aarch64, 0xC000_003E, 0),
        abi => panic!("unknown convention {abi}"),
    }
}

fn conditions(word: &str) -> (u64, (u32, u32)) {
    match word.split_once(':') {
        None if word == "docker" => (DOCKER_CAPS, (6, 18)),
        None if word == "all" => ((1 << 41) - 1, (6, 18)),
        None if word == "none" => (0, (6, 18)),
        Some(("cap", number)) => (1 << integer(number), (6, 18)),
        Some(("kernel", version)) => {
            let (version, revision) = version.split_once('.').expect("a version");
            (DOCKER_CAPS, (integer(version) as u32, integer(revision) as u32))
        }
        _ => panic!("unknown conditions {word}"),
    }
}

fn integer(word: &str) -> u64 {
    match word.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).expect("hexadecimal"),
        None => word.parse().expect("decimal"),
    }
}

fn action(word: &str) -> Action {
    match word {
        "allow" => Action::Allow,
        "EPERM" => Action::Errno(1),
        "ENOSYS" => Action::Errno(38),
        "kill" => Action::KillProcess,
        word => panic!("unknown action {word}"),
    }
}

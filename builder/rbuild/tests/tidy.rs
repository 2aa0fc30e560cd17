//! Holds the tree against the rules that README.md prints: crate arrows, file headers and sizes, where `unsafe` may
//! stand, a golden for every instruction, a transcript for every command of README, a test for every example, results that
//! README and its drawing show as they were measured.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crates, leftmost first; each may use only those before it.
const ORDER: [&str; 8] = [
    "rbuild-oci",
    "rbuild-store",
    "rbuild-registry",
    "rbuild-records",
    "dockerfile-parser",
    "rbuild-graph",
    "rbuild-runner",
    "rbuild",
];

/// What each crate on the right of the bar in README's picture may use of our own.
fn allowed(name: &str) -> BTreeSet<&'static str> {
    match name {
        "dockerfile-parser" => BTreeSet::new(),
        "rbuild-graph" => BTreeSet::from(["rbuild-oci", "dockerfile-parser"]),
        "rbuild-runner" => BTreeSet::from(["rbuild-oci"]),
        other => ORDER.iter().take_while(|name| **name != other).copied().collect(),
    }
}

/// Files that may hold `unsafe`, and why.
const UNSAFE: [(&str, &str); 4] = [
    ("cache/store/src/root_dir/raw.rs", "where data lies, write-out begun, and subvolumes of btrfs"),
    ("builder/runner/src/sys.rs", "clone3, prctl, capset and what else rustix leaves out"),
    ("builder/runner/examples/syscalls.rs", "system calls by raw number, from inside a container"),
    ("builder/runner/tests/seccomp_kernel.rs", "system calls by raw number, which is what is tested"),
];

const MOST_LINES: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn crates() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = ["cache", "builder"]
        .iter()
        .flat_map(|room| fs::read_dir(root().join(room)).unwrap().map(|entry| entry.unwrap().path()))
        .collect();
    found.sort();
    found
}

fn sources() -> Vec<(String, String)> {
    let mut ahead = crates();
    let mut found = Vec::new();
    while let Some(path) = ahead.pop() {
        if path.is_dir() {
            ahead.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

fn fail_if_any(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn the_top_level_is_what_readme_says() {
    let expected = [
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "builder",
        "cache",
        "clippy.toml",
        "examples",
        "rustfmt.toml",
        "testdata",
    ];
    let mut found: Vec<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.') && name != "target")
        .collect();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn arrows_go_one_way() {
    let mut broken = Vec::new();
    for path in crates() {
        let manifest = fs::read_to_string(path.join("Cargo.toml")).unwrap();
        let line = manifest.lines().find(|line| line.starts_with("name = ")).unwrap();
        let name = line.split('"').nth(1).unwrap();
        assert!(ORDER.contains(&name), "{name} is not in the order of crates");
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap_or_default();
        let dependencies = dependencies.split("\n[").next().unwrap();
        for line in dependencies.lines() {
            let used = line.split(['.', ' ', '=']).next().unwrap();
            if ORDER.contains(&used) && !allowed(name).contains(used) {
                broken.push(format!("{name} uses {used}"));
            }
        }
    }
    fail_if_any("crates that use what is not on their left", &broken);
}

#[test]
fn every_file_says_what_it_is() {
    let headless = |(name, text): &(String, String)| (!text.starts_with("//! ")).then(|| name.clone());
    fail_if_any("files without a //! header", &sources().iter().filter_map(headless).collect::<Vec<_>>());
}

#[test]
fn files_are_small() {
    let is_test = |name: &str| name.contains("/tests/") || name.contains("/testing") || name.contains("/examples/");
    let mut broken = Vec::new();
    for (name, text) in sources().iter().filter(|(name, _)| !is_test(name)) {
        let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        if lines > MOST_LINES {
            broken.push(format!("{name}: {lines}"));
        }
    }
    fail_if_any("files of more than 500 lines", &broken);
}

#[test]
fn unsafe_stands_where_it_may() {
    let mut broken = Vec::new();
    for (name, text) in sources() {
        let allowed = UNSAFE.iter().any(|(file, _)| *file == name);
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            let is_unsafe = !code.starts_with("//")
                && ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"].iter().any(|word| code.contains(word))
                && !code.contains('"');
            if is_unsafe && !allowed {
                broken.push(format!("{name}:{}: unsafe", number + 1));
            }
            let explained = lines[number.saturating_sub(6)..=number].iter().any(|line| line.contains("SAFETY"));
            if is_unsafe && name.contains("/src/") && !explained {
                broken.push(format!("{name}:{}: unsafe without a SAFETY line", number + 1));
            }
        }
    }
    fail_if_any("unsafe outside the files that may hold it", &broken);
}

#[test]
fn every_instruction_has_a_golden() {
    let missing: Vec<String> = dockerfile_parser::KEYWORDS
        .iter()
        .map(|keyword| format!("testdata/parser/instruction-{}", keyword.to_lowercase()))
        .filter(|path| !root().join(path).is_dir())
        .collect();
    fail_if_any("instructions without a golden", &missing);
}

/// Commands in README's `console` blocks: the lines that begin with `$ rbuild`.
fn readme_commands() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let blocks = text.split("```console").skip(1).map(|block| block.split("```").next().unwrap());
    blocks.flat_map(str::lines).filter(|line| line.starts_with("$ rbuild")).map(|line| line[2..].to_owned()).collect()
}

#[test]
fn every_command_of_readme_is_a_transcript() {
    let folder = root().join("testdata/transcripts");
    let transcripts: String = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap_or_default())
        .collect();
    let commands = readme_commands();
    assert!(!commands.is_empty(), "README shows no command");
    let missing: Vec<String> =
        commands.into_iter().filter(|command| !transcripts.contains(&format!("$ {command}\n"))).collect();
    fail_if_any("commands of README that no transcript runs", &missing);
}

#[test]
fn every_example_is_built_by_a_test() {
    let read = |name: &str| fs::read_to_string(root().join("builder/rbuild/tests").join(name)).unwrap();
    let tests = read("projects/examples.rs") + &read("caches/recipes.rs");
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let entries = fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().into_string().unwrap());
    let folders: BTreeSet<String> = folders.collect();
    assert!(!folders.is_empty(), "examples/ is empty");
    let untested = folders.iter().filter(|name| !tests.contains(&format!("\"{name}\""))).cloned();
    fail_if_any("examples that no test builds", &untested.collect::<Vec<_>>());
    let unsaid = folders.iter().filter(|name| !readme.contains(&format!("`examples/{name}`"))).cloned();
    fail_if_any("examples that README does not name", &unsaid.collect::<Vec<_>>());
}

#[test]
fn what_readme_shows_of_measurements_is_what_was_measured() {
    for script in ["scenarios", "growth", "parts"] {
        let script = root().join(".ci").join(script);
        let Ok(done) = Command::new("python3").arg(&script).arg("--check").output() else {
            eprintln!("SKIP: no python3, so nobody holds README against the results of measurements");
            return;
        };
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

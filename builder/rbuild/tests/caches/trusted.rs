//! Caches that only some may write: what others put there is refused and named, and the build goes on.

use crate::common;
use crate::machine::Machine;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A pair of keys, as openssl makes them.
fn keys(place: &Path, name: &str) -> (String, String) {
    let path = |end: &str| place.join(format!("{name}.{end}")).display().to_string();
    let (private, public) = (path("key"), path("pem"));
    let openssl = |args: &[&str]| {
        let output = Command::new("openssl").args(args).output().unwrap();
        assert!(output.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    openssl(&["genpkey", "-algorithm", "ed25519", "-out", &private]);
    openssl(&["pkey", "-in", &private, "-pubout", "-out", &public]);
    (private, public)
}

fn project() -> tempfile::TempDir {
    common::context(&[("Dockerfile", "FROM scratch\nCOPY a /a\nCOPY b /b\n"), ("a", "1"), ("b", "2")])
}

#[test]
fn only_what_trusted_writers_signed_is_believed() {
    let place = common::public_dir();
    let (ours, theirs) = (keys(place.path(), "ours"), keys(place.path(), "theirs"));
    for (who, sign, believed) in
        [("we", Some(&ours.0), true), ("somebody else", Some(&theirs.0), false), ("nobody", None, false)]
    {
        let cache = place.path().join(who).display().to_string();
        let key = sign.map(|key| format!(",sign={key}")).unwrap_or_default();
        let project = project();
        Machine::new().build(project.path(), &["-t", "x", "--cache-to", &format!("type=local,dest={cache}{key}")]);
        let from = format!("type=local,src={cache},verify={}", ours.1);
        let built = Machine::new().build(project.path(), &["-t", "x", "--cache-from", &from]);
        let cached = built.ended("CACHED").len();
        assert_eq!(cached, if believed { 2 } else { 0 }, "{who}: {}", built.log());
        let names_it = |line: &str| line.starts_with("WARNING") && line.contains("record-");
        assert_eq!(built.log().lines().any(names_it), !believed, "{who}: {}", built.log());
    }
}

#[test]
fn who_signs_writes_anew_what_nobody_signed() {
    let (place, project) = (common::public_dir(), project());
    let (private, public) = keys(place.path(), "ours");
    let cache = place.path().join("cache").display().to_string();
    for sign in [String::new(), format!(",sign={private}")] {
        Machine::new().build(project.path(), &["-t", "x", "--cache-to", &format!("type=local,dest={cache}{sign}")]);
    }
    let from = format!("type=local,src={cache},verify={public}");
    let built = Machine::new().build(project.path(), &["-t", "x", "--cache-from", &from]);
    assert_eq!(built.ended("CACHED").len(), 2, "{}", built.log());
}

#[test]
fn a_directory_keeps_no_more_than_it_may() {
    let (place, project) = (common::public_dir(), project());
    let cache = place.path().join("cache");
    let to = format!("type=local,dest={},max-size=1", cache.display());
    let files = || common::walk(&cache).into_iter().filter(|path| path.is_file()).collect::<Vec<_>>();
    Machine::new().build(project.path(), &["-t", "x", "--cache-to", &to]);
    let old = files();
    assert!(!old.is_empty(), "what is young stays");
    for path in &old {
        let hours = std::time::Duration::from_hours(2);
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(std::time::SystemTime::now() - hours).unwrap();
    }
    fs::write(project.path().join("a"), "other").unwrap();
    fs::write(project.path().join("b"), "another").unwrap();
    Machine::new().build(project.path(), &["-t", "x", "--cache-to", &to]);
    let left = files();
    let record = |path: &&std::path::PathBuf| path.starts_with(cache.join("record"));
    assert!(!old.iter().filter(record).any(|path| left.contains(path)), "{left:?}");
    assert!(left.iter().any(|path| record(&path)), "{left:?}");
}

#[test]
fn a_forged_record_is_refused_and_named() {
    let (place, project) = (common::public_dir(), project());
    let cache = place.path().join("cache");
    let text = |key: &str| format!("type=local,{key}={}", cache.display());
    Machine::new().build(project.path(), &["-t", "x", "--cache-to", &text("dest")]);
    // One record in the place of all others: its recipe has another key. Which of a step's records is asked for first
    // depends on times.
    let records: Vec<_> = common::walk(&cache.join("record")).into_iter().filter(|path| path.is_file()).collect();
    let (first, forged) = records.split_first().unwrap();
    assert!(!forged.is_empty());
    for place in forged {
        fs::copy(first, place).unwrap();
    }
    let built = Machine::new().build(project.path(), &["-t", "x", "--cache-from", &text("src")]);
    let is_forged = |line: &str| forged.iter().any(|path| line.contains(path.file_name().unwrap().to_str().unwrap()));
    let names_one = |line: &str| line.starts_with("WARNING") && is_forged(line);
    assert!(built.log().lines().any(names_one), "{forged:?}: {}", built.log());
}

#[test]
fn a_key_that_is_none_is_refused_before_anything_is_built() {
    let place = common::public_dir();
    let (_, public) = keys(place.path(), "k");
    let cache = place.path().join("cache").display().to_string();
    let text = format!("type=local,dest={cache},sign={public}");
    let built = Machine::new().attempt(project().path(), &["-t", "x", "--cache-to", &text]);
    assert!(!built.output.status.success() && built.log().contains(&public), "{}", built.log());
}

#[test]
fn another_machine_is_told_why_it_has_to_work() {
    let (place, project) = (common::public_dir(), project());
    let cache = place.path().join("cache").display().to_string();
    let (to, from) = (format!("type=local,dest={cache}"), format!("type=local,src={cache}"));
    Machine::new().build(project.path(), &["-t", "x", "--cache-to", &to]);
    fs::write(project.path().join("b"), "other").unwrap();
    let machine = Machine::new();
    let built = machine.build(project.path(), &["-t", "x", "--cache-from", &from]);
    assert!(built.log().contains("not cached: b differs"), "{}", built.log());
    let said = machine.run(&["explain", "x", "2", "--cache-from", &from]);
    assert!(said.contains("not there: b differs"), "{said}");
}

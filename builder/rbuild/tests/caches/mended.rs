//! Caches that are not what they were: a layer that is gone, a record without its layer, a build that fails midway. What is
//! made again is told again.

use crate::common;
use crate::machine::Machine;
use std::fs;
use std::path::Path;

const BASE: &str = "FROM scratch AS base\nCOPY busybox /bin/busybox\n";

/// A project whose steps run in a busybox of its own.
fn project(steps: &str) -> tempfile::TempDir {
    let place = common::context(&[("Dockerfile", &format!("{BASE}{steps}"))]);
    fs::copy("/bin/busybox", place.path().join("busybox")).unwrap();
    place
}

fn run(text: &str) -> String {
    format!("RUN [\"/bin/busybox\", \"sh\", \"-c\", \"{text}\"]\n")
}

fn texts(cache: &Path) -> (String, String) {
    let cache = cache.display();
    (format!("type=local,dest={cache}"), format!("type=local,src={cache}"))
}

#[test]
fn a_lost_layer_is_made_and_told_again() {
    let place = common::public_dir();
    let (to, from) = texts(&place.path().join("cache"));
    let project = project(&(run("/bin/busybox head -c 100000 /dev/urandom > /a") + &run("echo b > /b")));
    Machine::new().build(project.path(), &["-t", "x", "--cache-to", &to]);
    let blobs = place.path().join("cache/blobs");
    fs::remove_dir_all(&blobs).unwrap();
    let built = Machine::new().build(project.path(), &["-t", "x", "--cache-from", &from, "--cache-to", &to]);
    assert_eq!(built.ran().len(), 2, "{}", built.log());
    let built = Machine::new().build(project.path(), &["-t", "x", "--cache-from", &from]);
    assert_eq!(built.ran(), Vec::<String>::new(), "what was made again serves: {}", built.log());
}

#[test]
fn a_stage_of_which_only_traces_are_there_is_made_when_it_is_wanted() {
    let place = common::public_dir();
    let (to, from) = texts(&place.path().join("cache"));
    let text = run("echo a > /a") + &run("echo b > /b") + "FROM base AS final\nCOPY --from=0 /a /a\n";
    let project = project(&text.replace("--from=0", "--from=base"));
    let machine = Machine::new();
    machine.build(project.path(), &["-t", "x", "--cache-to", &to]);
    let dockerfile = fs::read_to_string(project.path().join("Dockerfile")).unwrap();
    fs::write(project.path().join("Dockerfile"), dockerfile.replace("/a /a\n", "/b /b\n")).unwrap();
    let built = Machine::new().build(project.path(), &["-t", "x", "--cache-from", &from]);
    assert!(built.log().contains("echo b"), "{}", built.log());
}

#[test]
fn what_was_made_before_a_failure_is_told() {
    let place = common::public_dir();
    let (to, from) = texts(&place.path().join("cache"));
    let steps = run("/bin/busybox head -c 3000000 /dev/urandom > /a");
    let failing = project(&(steps.clone() + &run("exit 3")));
    let built = Machine::new().attempt(failing.path(), &["-t", "x", "--cache-to", &to]);
    assert!(!built.output.status.success());
    assert!(!built.log().contains("WARNING"), "{}", built.log());
    let mended = project(&(steps + &run("exit 0")));
    let built = Machine::new().build(mended.path(), &["-t", "x", "--cache-from", &from]);
    assert_eq!(built.ran().len(), 1, "{}", built.log());
}

#[test]
fn no_cache_puts_what_is_new_in_the_place_of_what_was_there() {
    let place = common::public_dir();
    let (to, from) = texts(&place.path().join("cache"));
    let project = project(&run("/bin/busybox head -c 10 /dev/urandom > /a"));
    Machine::new().build(project.path(), &["-t", "x", "--cache-to", &to]);
    let machine = Machine::new();
    machine.build(project.path(), &["-t", "x", "--no-cache", "--cache-to", &to]);
    let other = Machine::new();
    other.build(project.path(), &["-t", "x", "--cache-from", &from]);
    assert_eq!(machine.inspect("x")["RootFS"], other.inspect("x")["RootFS"]);
}

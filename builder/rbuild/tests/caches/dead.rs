//! A cache that is dead, slow or full of nonsense costs a warning and a moment, never a build.

use crate::common;
use crate::machine::Machine;
use std::net::TcpListener;
use std::time::Duration;

/// What a build may take longer because of a cache that does not answer.
const MOMENT: Duration = Duration::from_secs(3);

/// A project without a base, whose three steps need no process.
fn plain() -> tempfile::TempDir {
    common::context(&[("Dockerfile", "FROM scratch\nCOPY a /a\nCOPY b /b\nCOPY a /c\n"), ("a", "1"), ("b", "2")])
}

/// Builds with both directions of a cache; it has to succeed in time and to say what is wrong in one warning each.
fn survives(what: &str, to: &str, from: &str) {
    let machine = Machine::new();
    let built = machine.build(plain().path(), &["-t", "x", "--cache-from", from, "--cache-to", to]);
    common::say(&format!("{what}: {:.2} s", built.took.as_secs_f32()));
    assert!(built.took < MOMENT, "{what}: {:?}\n{}", built.took, built.log());
    let warnings = built.log().lines().filter(|line| line.starts_with("WARNING")).count();
    assert!((1..=2).contains(&warnings), "{what}: {warnings} warnings\n{}", built.log());
}

#[test]
fn nobody_listens() {
    let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cache = format!("type=registry,ref={host}/cache");
    survives("refused", &cache, &cache);
}

#[test]
fn who_listens_never_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let cache = format!("type=registry,ref={}/cache", silent.local_addr().unwrap());
    survives("silence", &cache, &cache);
}

#[test]
fn a_host_that_is_nowhere() {
    // A network of documentation (RFC 5737), to which no packet gets.
    let cache = "type=registry,ref=192.0.2.1:5000/cache";
    survives("nowhere", cache, cache);
    let cache = "type=registry,ref=no-such-host.invalid/cache";
    survives("no name", cache, cache);
}

#[test]
fn a_directory_that_cannot_be_one() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("file"), "").unwrap();
    let path = place.path().join("file").display().to_string();
    survives("a file", &format!("type=local,dest={path}"), &format!("type=local,src={path}"));
}

#[test]
fn who_asks_for_it_is_told_by_a_failure() {
    let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cache = format!("type=registry,ref={host}/cache,ignore-error=false");
    let built = Machine::new().attempt(plain().path(), &["-t", "x", "--cache-to", &cache]);
    assert!(!built.output.status.success(), "{}", built.log());
    assert!(built.log().contains(&host.to_string()), "{}", built.log());
}

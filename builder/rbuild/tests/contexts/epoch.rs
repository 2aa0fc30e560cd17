//! SOURCE_DATE_EPOCH as a name.

use crate::daemon::{Daemon, Origin, THEN};
use crate::lab::{Lab, Ran, tar};
use crate::server::{Reply, Server};

const DOCKERFILE: &str = "FROM scratch\nARG SOURCE_DATE_EPOCH\nCOPY f /t$SOURCE_DATE_EPOCH.\n";

/// What the time came to, or why it did not: the image has one file, which is called by it.
fn time(lab: &Lab, name: &str, args: &[&str], input: &[u8]) -> String {
    let name = format!("SOURCE_DATE_EPOCH={name}");
    let args = [&["--build-arg", &name], args].concat();
    lab.files(&args, input).into_keys().next().unwrap()
}

fn said(ran: &Ran) -> &str {
    assert_ne!(ran.code, Some(0), "{}", ran.log);
    &ran.log
}

#[test]
fn a_context_has_the_time_of_its_commit_its_server_or_its_youngest_file() {
    let lab = Lab::new();
    let root = lab.path("www");
    Origin::new(&root, "r", &[("Dockerfile", DOCKERFILE), ("f", "f")]);
    let tarball = tar(&root.join("r.git"), &["--exclude=./.git", "--mtime=@1500000000"]);
    let (served, lab_tarball) = (tarball.clone(), tarball.clone());
    let server = Server::start(move |call, _| match call.target.as_str() {
        "/dated" => Reply::new(200, served.clone()).with("Last-Modified", "Thu, 01 Jan 2015 00:00:00 GMT"),
        _ => Reply::new(200, served.clone()),
    });
    assert_eq!(time(&lab, "context", &["-"], &lab_tarball), "t1500000000.");
    assert_eq!(time(&lab, "context", &[&server.url("/undated")], b""), "t1500000000.");
    assert_eq!(time(&lab, "context", &[&server.url("/dated")], b""), "t1420070400.");
    crate::common::files(&lab.path("c"), &[("Dockerfile", DOCKERFILE), ("f", "f")]);
    assert_eq!(time(&lab, "context", &["c"], b""), "t.");
    let ran = lab.build(&["--source-date-epoch", "context", "c"], b"");
    assert!(ran.code == Some(0) && ran.log.contains("has no time of its own"), "{}", ran.log);
    let Some(daemon) = Daemon::start(&root) else { return };
    let url = daemon.url("r.git");
    assert_eq!(time(&lab, "context", &[&url], b""), format!("t{THEN}."));
    let named = format!("src={url}");
    assert_eq!(time(&lab, "src", &["--build-context", &named, "c"], b""), format!("t{THEN}."));
    let dated = format!("src={}", server.url("/dated"));
    assert_eq!(time(&lab, "src", &["--build-context", &dated, "c"], b""), "t1420070400.");
    assert_eq!(time(&lab, "src", &["--build-context", "src=c", "c"], b""), "t.");
}

#[test]
fn a_stage_has_the_time_of_what_it_adds() {
    let lab = Lab::new();
    let root = lab.path("www");
    let origin = Origin::new(&root, "r", &[("f", "f")]);
    origin.git(&["tag", "v1"], THEN);
    origin.commit(&[("f", "2")], THEN + 60);
    let server = Server::start(|_, _| Reply::new(200, "text").with("Last-Modified", "Thu, 01 Jan 2015 00:00:00 GMT"));
    let stages =
        |source: &str| format!("ARG VERSION=v1\nFROM scratch AS Source\nARG VERSION\nADD {source} /\n\n{DOCKERFILE}");
    lab.file("c/f", b"f");
    lab.file("c/Dockerfile", stages(&server.url("/x")).as_bytes());
    assert_eq!(time(&lab, "source", &["c"], b""), "t1420070400.");
    let Some(daemon) = Daemon::start(&root) else { return };
    lab.file("c/Dockerfile", stages(&daemon.url("r.git#$VERSION")).as_bytes());
    assert_eq!(time(&lab, "source", &["c"], b""), format!("t{THEN}."));
    assert_eq!(time(&lab, "source", &["--build-arg", "VERSION=main", "c"], b""), format!("t{}.", THEN + 60));
    lab.file("c/Dockerfile", format!("ARG SOURCE_DATE_EPOCH=source\n{}", stages(&daemon.url("r.git"))).as_bytes());
    assert!(lab.files(&["c"], b"").contains_key(&format!("t{}.", THEN + 60)));
}

#[test]
fn a_name_that_has_no_time_is_refused() {
    let lab = Lab::new();
    lab.file("c/f", b"f");
    for (text, name, names) in [
        (DOCKERFILE.to_owned(), "nobody", "\"nobody\""),
        (format!("FROM scratch AS s\nCOPY f /\n{DOCKERFILE}"), "s", "one ADD"),
        (format!("FROM scratch AS s\nADD f /\n{DOCKERFILE}"), "s", "URL or git repository"),
        (format!("FROM scratch AS s\n{DOCKERFILE}"), "s", "must have an ADD"),
        (format!("FROM x AS s\n{DOCKERFILE}"), "s", "FROM scratch"),
    ] {
        lab.file("c/Dockerfile", text.as_bytes());
        let ran = lab.build(&["--build-arg", &format!("SOURCE_DATE_EPOCH={name}"), "c"], b"");
        assert!(said(&ran).contains(names), "{name}: {}", ran.log);
    }
}

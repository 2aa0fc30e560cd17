//! Contexts and Dockerfiles from an HTTP server.

use crate::lab::{Lab, tar};
use crate::server::{Reply, Server};

fn content(lab: &Lab) -> Vec<u8> {
    lab.file("c/Dockerfile", b"FROM scratch\nCOPY . /\n");
    lab.file("c/sub/Other", b"FROM scratch\nCOPY f /other\n");
    lab.file("c/.dockerignore", b"*\n");
    lab.file("c/f", b"far\n");
    tar(&lab.path("c"), &["-z"])
}

#[test]
fn a_url_of_a_tarball_is_a_context_asked_for_again_by_every_build() {
    let lab = Lab::new();
    let tarball = content(&lab);
    let server = Server::start(move |call, _| match call.header("if-none-match") {
        "\"v1\"" => Reply::new(304, ""),
        _ => Reply::new(200, tarball.clone()).with("ETag", "\"v1\""),
    });
    let url = server.url("/c");
    assert_eq!(
        lab.files(&[&url], b"").into_keys().collect::<Vec<_>>(),
        [".dockerignore", "Dockerfile", "f", "sub", "sub/Other"]
    );
    assert_eq!(lab.files(&["-f", "sub/Other", &url], b"")["other"], "far\n");
    assert_eq!(lab.files(&["-f", "-", &url], b"FROM scratch\nCOPY f /in\n")["in"], "far\n");
    let here = lab.file("here/Dockerfile", b"FROM scratch\nCOPY f /here\n");
    assert_eq!(lab.files(&["-f", here.to_str().unwrap(), &url], b"")["here"], "far\n");
    let seen: Vec<_> = server.seen().iter().map(|call| call.header("if-none-match").to_owned()).collect();
    assert_eq!(seen, ["", "\"v1\"", "\"v1\"", "\"v1\""]);
}

#[test]
fn a_changed_tarball_changes_the_build() {
    let lab = Lab::new();
    lab.file("c/Dockerfile", b"FROM scratch\nCOPY f /\n");
    lab.file("c/f", b"v1\n");
    let one = tar(&lab.path("c"), &[]);
    lab.file("c/f", b"v2\n");
    let two = tar(&lab.path("c"), &["--zstd"]);
    let server = Server::start(move |_, before| Reply::new(200, if before == 0 { one.clone() } else { two.clone() }));
    assert_eq!(lab.files(&[&server.url("/")], b"")["f"], "v1\n");
    assert_eq!(lab.files(&[&server.url("/")], b"")["f"], "v2\n");
}

#[test]
fn a_url_of_a_text_is_a_dockerfile_and_its_own_context() {
    let lab = Lab::new();
    let server = Server::start(|_, _| Reply::new(200, "FROM scratch\nCOPY context /f\n"));
    assert_eq!(lab.files(&[&server.url("/Any?x=1")], b"")["f"], "FROM scratch\nCOPY context /f\n");
    let ran = lab.build(&["-f", "other", &server.url("/Any")], b"");
    assert!(ran.code == Some(0) && ran.log.contains("-f other has no meaning"), "{}", ran.log);
}

#[test]
fn a_dockerfile_may_come_from_a_url() {
    let lab = Lab::new();
    lab.file("c/f", b"near\n");
    lab.file("c/g", b"g");
    lab.file("c/.dockerignore", b"g\n");
    let server = Server::start(|_, _| Reply::new(200, "FROM scratch\nCOPY . /\n"));
    let files = lab.files(&["-f", &server.url("/x/Dockerfile"), "c"], b"");
    assert_eq!(files.into_keys().collect::<Vec<_>>(), [".dockerignore", "f"]);
    let said = lab.build(&["-f", &server.url("/x?token=hush"), "c", "--target", "none"], b"");
    assert!(!said.log.contains("hush"), "{}", said.log);
}

#[test]
fn secrets_open_urls_and_are_told_to_nobody() {
    let lab = Lab::new();
    let tarball = content(&lab);
    let server = Server::start(move |call, _| match call.header("authorization") {
        "Bearer hush" | "Basic bWU6aHVzaA==" => Reply::new(200, tarball.clone()),
        _ => Reply::new(401, "no"),
    });
    lab.file("named/Dockerfile", b"FROM scratch\nCOPY --from=far context /f\n");
    let secret = lab.file("token", b"hush\n");
    let secret = format!("id=HTTP_AUTH_TOKEN_127.0.0.1,src={}", secret.display());
    let within = format!("http://me:hush@127.0.0.1:{}/c", server.port());
    let far = format!("far={within}");
    let from_file = ["-f", &*within.replace("/c", "/c?sig=hush"), "named"];
    let named = ["--build-context", &far, "named"];
    for args in [&["--secret", &secret, &server.url("/c")][..], &[&within], &["-t", "x", &within], &named] {
        let ran = lab.build(args, b"");
        assert!(ran.code == Some(0) && !ran.log.contains("hush"), "{}", ran.log);
    }
    // It is a tarball, and what it says must not be all that is told.
    assert!(!lab.refusal(&from_file, b"").contains("hush"));
    let said = lab.refusal(&[&server.url("/c?sig=hush")], b"");
    assert!(said.contains("401") && !said.contains("hush"), "{said}");
    for path in crate::common::walk(&lab.path("store")).iter().filter(|path| path.is_file()) {
        let bytes = std::fs::read(path).unwrap();
        assert!(!bytes.windows(4).any(|window| window == b"hush"), "{}", path.display());
    }
}

#[test]
fn servers_that_fail_are_named() {
    let lab = Lab::new();
    let tarball = content(&lab);
    let mut other = tarball.clone();
    other.truncate(tarball.len() / 2);
    let server = Server::start(move |call, _| match call.target.as_str() {
        "/cut" => Reply { cut: 20, ..Reply::new(200, tarball.clone()) },
        "/half" => Reply::new(200, other.clone()),
        "/endless" => Reply::new(200, vec![b'#'; (16 << 20) + 1]),
        "/file" => Reply::new(302, "").with("Location", "file:///etc/passwd"),
        "/round" => Reply::new(302, "").with("Location", "/round"),
        "/gzip" => Reply::new(200, b"\x1f\x8b\x08\x00nothing of the kind".to_vec()),
        "/page" => Reply::new(200, "\n<!DOCTYPE html>\n<html>"),
        "/nothing" => Reply::new(200, ""),
        _ => Reply::new(404, ""),
    });
    for (path, names) in [
        ("/cut", "broke while"),
        ("/half", "cannot use http://127.0.0.1"),
        ("/file", "redirects to no http or https address"),
        ("/round", "redirect"),
        ("/gzip", "no tarball"),
        ("/page", "ends in .git"),
        ("/nothing", "no instructions"),
        ("/none", "404"),
    ] {
        let said = lab.refusal(&[&server.url(path)], b"");
        assert!(said.contains(names) && !said.contains("root:"), "{path}: {said}");
    }
    let said = lab.refusal(&["-f", &server.url("/endless"), "."], b"");
    assert!(said.contains("more than 16777216 bytes"), "{said}");
    assert!(lab.refusal(&["-f", &server.url("/page"), "."], b"").contains("is a web page"));
}

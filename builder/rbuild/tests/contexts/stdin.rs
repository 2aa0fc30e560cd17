//! What comes on standard input.

use crate::common;
use crate::lab::{Lab, tar};
use crate::tool::{Tool, Who};
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A context that would leave its own files out if anyone read its ignore file.
fn content(lab: &Lab) -> Vec<u8> {
    lab.file("c/Dockerfile", b"FROM scratch\nCOPY . /all/\nCOPY d/x one\n");
    lab.file("c/other/file", b"FROM scratch\nCOPY d/x two\n");
    lab.file("c/.dockerignore", b"*\n");
    lab.file("c/d/x", b"x\n");
    fs::hard_link(lab.path("c/d/x"), lab.path("c/d/y")).unwrap();
    symlink("x", lab.path("c/d/link")).unwrap();
    symlink("other/file", lab.path("c/linked")).unwrap();
    tar(&lab.path("c"), &["--sort=name"])
}

#[test]
fn a_tarball_of_any_compression_is_a_context() {
    let lab = Lab::new();
    content(&lab);
    for flags in [&[][..], &["--gzip"], &["--bzip2"], &["--xz"], &["--zstd"]] {
        let files = lab.files(&["-"], &tar(&lab.path("c"), &[flags, &["--sort=name"]].concat()));
        assert_eq!(files["one"], "x\n", "{flags:?}");
        assert_eq!(files["all/d/link"], "-> x", "{flags:?}");
        assert_eq!(files["all/d/y"], "= all/d/x", "{flags:?}");
        assert!(files.contains_key("all/.dockerignore") && files.contains_key("all/Dockerfile"), "{flags:?}");
    }
}

#[test]
fn the_dockerfile_is_looked_for_in_the_tarball() {
    let lab = Lab::new();
    let tarball = content(&lab);
    for file in ["other/file", "./other/file", "/other/file", "linked"] {
        assert_eq!(lab.files(&["-f", file, "-"], &tarball).into_keys().collect::<Vec<_>>(), ["two"], "{file}");
    }
    fs::rename(lab.path("c/Dockerfile"), lab.path("c/dockerfile")).unwrap();
    assert_eq!(lab.files(&["-"], &tar(&lab.path("c"), &[]))["one"], "x\n");
    fs::remove_file(lab.path("c/dockerfile")).unwrap();
    let said = lab.refusal(&["-"], &tar(&lab.path("c"), &[]));
    assert!(said.contains("no file Dockerfile in the tarball on standard input"), "{said}");
}

#[test]
fn owners_modes_and_times_are_those_of_the_tarball() {
    let lab = Lab::new();
    lab.file("c/Dockerfile", b"FROM scratch\nCOPY f /\nCOPY --chown=0:0 f /g\n");
    lab.file("c/f", b"f");
    let flags = ["--owner=:1000", "--group=:1001", "--mode=0600", "--mtime=@1500000000", "--format=pax"];
    let ran = lab.build(&["--output", "type=tar,dest=-", "-"], &tar(&lab.path("c"), &flags));
    assert_eq!(ran.code, Some(0), "{}", ran.log);
    lab.file("out.tar", &ran.output);
    let mut list = Command::new("tar");
    list.args(["--numeric-owner", "--full-time", "--utc", "-tvf"]).arg(lab.path("out.tar"));
    let listed = list.output().unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("-rw------- 1000/1001") && listed.contains("-rw------- 0/0"), "{listed}");
    assert!(listed.contains("2017-07-14 02:40:00"), "{listed}");
}

#[test]
fn a_dockerfile_needs_no_context_or_has_one() {
    let lab = Lab::new();
    let text = b"FROM scratch\nCOPY <<EOF /f\nhi\nEOF\n";
    assert_eq!(lab.files(&["-"], text)["f"], "hi\n");
    let said = lab.refusal(&["-"], b"FROM scratch\nCOPY f /\n");
    assert!(said.contains("/f not found in scratch"), "{said}");
    lab.file("c/f", b"f");
    lab.file("c/g", b"g");
    lab.file("c/.dockerignore", b"g\n");
    assert_eq!(
        lab.files(&["-f", "-", "c"], b"FROM scratch\nCOPY . /\n").into_keys().collect::<Vec<_>>(),
        [".dockerignore", "f"]
    );
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let lab = Lab::new();
    let tarball = content(&lab);
    for (args, input, names) in [
        (&["-f", "-", "-"][..], &b""[..], "cannot both be standard input"),
        (&["-f", "x", "-"], b"FROM scratch\n", "-f cannot name another"),
        (&["-f", "no/such", "-"], &tarball, "no file no/such in the tarball on standard input"),
        (&["-f", "d", "-"], &tarball, "no file d in"),
        (&["-f", "c/Dockerfile", "c/Dockerfile"], b"", "must be a directory or a tarball"),
        (&["-"], b"", "no instructions"),
    ] {
        let said = lab.refusal(args, input);
        assert!(said.contains(names), "{args:?}: {said}");
    }
}

#[test]
fn a_tarball_that_never_ends_ends_with_ctrl_c() {
    let lab = Lab::new();
    let mut child = lab.command(&["-"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&content(&lab)[..4096]).unwrap();
    // It has begun to spool once there is a store.
    while !lab.path("store").join("oci-layout").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(200));
    let began = Instant::now();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = child.wait().unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!((status.code(), lab.unfinished()), (Some(130), Vec::new()));
    drop(stdin);
}

#[test]
fn an_ordinary_user_hands_it_on_into_the_namespace() {
    let context = common::context(&[
        (
            "Dockerfile",
            "FROM busybox\nCOPY f /f\nRUN test \"$(cat /f)\" = hello\nRUN --mount=target=/src cmp /src/f /f\n",
        ),
        ("f", "hello\n"),
    ]);
    for who in Who::all() {
        let tool = Tool::new(who);
        for args in [&[][..], &["--no-cache"]] {
            let mut child = tool.build_command("-".as_ref(), args).stdin(Stdio::piped()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(&tar(context.path(), &["--gzip"])).unwrap();
            let done = child.wait_with_output().unwrap();
            assert!(done.status.success(), "{who:?}: {}", String::from_utf8_lossy(&done.stderr));
        }
        assert_eq!(tool.leftovers(), Vec::<String>::new());
    }
}

//! Named contexts.

use crate::daemon::{Daemon, Origin, THEN};
use crate::lab::{Lab, tar};
use crate::server::{Reply, Server};
use crate::tool::{Tool, Who};

#[test]
fn a_repository_stands_for_a_stage_an_image_or_a_mount() {
    let lab = Lab::new();
    let origin = Origin::new(&lab.path("www"), "r", &[("f", "far\n"), ("sub/g", "g\n"), (".dockerignore", "*\n")]);
    let Some(daemon) = Daemon::start(&lab.path("www")) else { return };
    lab.file("c/Dockerfile", b"FROM alpine AS stage\nRUN never\n\nFROM scratch\nCOPY --from=stage / /stage\nCOPY --from=any f /\nCOPY --from=stage f /2\n");
    let (stage, any) = (format!("stage={}", daemon.url("r.git")), format!("Any={}", daemon.url("r.git#main")));
    let files = lab.files(&["--build-context", &stage, "--build-context", &any, "c"], b"");
    assert_eq!((&*files["f"], &*files["2"], &*files["stage/sub/g"]), ("far\n", "far\n", "g\n"));
    assert!(files.contains_key("stage/.dockerignore") && !files.contains_key("stage/.git"));
    lab.file("d/Dockerfile", b"FROM base\n");
    let base = format!("base={}", daemon.url("r.git#:sub"));
    assert_eq!(lab.files(&["--build-context", &base, "d"], b"")["g"], "g\n");
    origin.commit(&[("sub/g", "moved\n")], THEN + 1);
    assert_eq!(lab.files(&["--build-context", &base, "d"], b"")["g"], "moved\n");
}

#[test]
fn a_mount_shows_a_repository_and_a_download() {
    let tool = Tool::new(Who::Caller);
    let root = tool.path("www");
    Origin::new(&root, "r", &[("s/f", "far\n")]);
    let server = Server::start(|_, _| Reply::new(200, "text\n"));
    let context = crate::common::context(&[(
        "Dockerfile",
        "FROM busybox\nRUN --mount=from=src,target=/s --mount=from=web,target=/w cat /s/f /w/context > /out && ! touch /s/x\n\
         RUN test \"$(cat /out)\" = \"$(printf 'far\\ntext')\"\n",
    )]);
    let Some(daemon) = Daemon::start(&root) else { return };
    let (src, web) = (format!("src={}", daemon.url("r.git#:s")), format!("web={}", server.url("/")));
    let args = ["--build-context", &src, "--build-context", &web];
    assert_eq!(tool.build(context.path(), &args).id, tool.build(context.path(), &args).id);
}

#[test]
fn a_url_is_a_file_called_context_as_in_buildkit() {
    let lab = Lab::new();
    lab.file("t/f", b"f");
    let tarball = tar(&lab.path("t"), &["-z"]);
    let server = Server::start(move |_, _| Reply::new(200, tarball.clone()));
    lab.file(
        "c/Dockerfile",
        b"FROM scratch AS packed\nCOPY --from=far context /far.tgz\nFROM scratch\nCOPY --from=packed /far.tgz /\n",
    );
    let far = format!("far={}", server.url("/far.tgz"));
    let ran = lab.build(&["--build-context", &far, "--output", "type=local,dest=out", "c"], b"");
    assert_eq!(ran.code, Some(0), "{}", ran.log);
    assert_eq!(std::fs::read(lab.path("out/far.tgz")).unwrap(), tar(&lab.path("t"), &["-z"]));
}

#[test]
fn a_directory_has_its_own_ignore_file() {
    let lab = Lab::new();
    lab.file("c/Dockerfile", b"FROM scratch\nCOPY --from=tools . /\n");
    lab.file("c/.dockerignore", b"kept\n");
    lab.file("tools/kept", b"");
    lab.file("tools/left", b"");
    lab.file("tools/.dockerignore", b"left\n.*\n");
    let files = lab.files(&["--build-context", "tools=tools", "c"], b"");
    assert_eq!(files.into_keys().collect::<Vec<_>>(), ["kept"]);
}

#[test]
fn scratch_and_platforms_have_their_forms() {
    let lab = Lab::new();
    lab.file("c/Dockerfile", b"FROM base\nCOPY --from=tool f /\n");
    lab.file("amd/f", b"amd\n");
    lab.file("any/f", b"any\n");
    let given = |names: [&str; 3]| -> Vec<String> {
        names.into_iter().flat_map(|name| ["--build-context".to_owned(), name.to_owned()]).collect()
    };
    let given = given(["base=docker-image://scratch", "tool::linux/amd64=amd", "tool=any"]);
    let with = |platform: &'static str| -> Vec<&str> {
        given.iter().map(String::as_str).chain(["--platform", platform, "c"]).collect()
    };
    assert_eq!(lab.files(&with("linux/amd64"), b"")["f"], "amd\n");
    assert_eq!(lab.files(&with("linux/arm64"), b"")["f"], "any\n");
}

#[test]
fn nonsense_is_refused_by_name() {
    let lab = Lab::new();
    lab.file("c/Dockerfile", b"FROM scratch\n");
    for (text, names) in [
        ("x=none", "no such directory"),
        ("x=c/Dockerfile", "a file is no context"),
        ("x=target:y", "bake"),
        ("x=s3://bucket/y", "\"s3\""),
        ("x::windows/=c", "platform"),
        ("x=https://me:hush@h/r.git?nope=1", "nope"),
    ] {
        let said = lab.refusal(&["--build-context", text, "c"], b"");
        assert!(said.contains(names) && !said.contains("hush"), "{text}: {said}");
    }
}

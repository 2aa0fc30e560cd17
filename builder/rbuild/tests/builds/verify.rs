//! `rbuild verify` on builds that give the same twice and on those that do not: it names the step, the file and the byte,
//! and leaves the store as it was.

use crate::common::{context, fsck, walk};
use crate::tool::{EPOCH, Tool, Who};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What `verify` said of a context, and its exit code.
fn verify(tool: &Tool, context: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let base = tool.base();
    let words =
        [&["verify", "--progress", "plain", "--build-context", base], args, &[context.to_str().unwrap()]].concat();
    let output = tool.command(&words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn told(tool: &Tool, dockerfile: &str, args: &[&str]) -> (Option<i32>, Value) {
    let context = context(&[("Dockerfile", dockerfile), ("file", "text\n")]);
    let (code, out, log) = verify(tool, context.path(), &[args, &["--format", "json"]].concat());
    (code, serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{log}")))
}

/// The differences, each as `LINE SUBJECT WHAT`.
fn lines(told: &Value) -> Vec<String> {
    let all = told["differences"].as_array().unwrap().iter();
    all.map(|one| format!("{} {} {}", one["line"], one["subject"].as_str().unwrap(), one["what"].as_str().unwrap()))
        .collect()
}

const SAME: &str = "FROM busybox AS a\nCOPY file /file\nRUN mkdir /d && cat /file /file > /d/twice && ln -s twice /d/link\n\
                    FROM busybox\nCOPY --from=a /d /d\nRUN rm -r /home\nWORKDIR /w\nENV A=1\n";

#[test]
fn the_same_bytes_twice() {
    for who in Who::all() {
        let tool = Tool::new(who);
        let (code, same) = told(&tool, SAME, &["--build-arg", EPOCH, "-t", "never-kept"]);
        assert_eq!((code, &same["same"]), (Some(0), &Value::Bool(true)), "{who:?}: {same:#}");
        assert_eq!(fsck::check(&tool.root()).tags, 0);
        assert_eq!((tool.leftovers(), tool.traces()), (Vec::new(), Vec::new()));
        let layers = tool.root().join("snapshots.v1");
        // The base is, and what every step mounts on.
        let of_steps = |path: &&PathBuf| path.ends_with("fs") && !path.ends_with("places/fs");
        assert!(walk(&layers).iter().filter(of_steps).count() <= 1, "{who:?}: {:#?}", walk(&layers));
    }
}

#[test]
fn what_was_there_before_stays() {
    let tool = Tool::new(Who::Caller);
    let context = context(&[("Dockerfile", SAME), ("file", "text\n")]);
    let kept = tool.build(context.path(), &["-t", "kept", "--build-arg", EPOCH]);
    let files = |tool: &Tool| {
        let all = walk(&tool.root()).into_iter().map(|path| path.display().to_string());
        all.filter(|path| ["blobs", "refs.v1", "index.v1", "records.v1"].iter().any(|part| path.contains(part)))
            .collect::<Vec<_>>()
    };
    let before = files(&tool);
    assert_eq!(verify(&tool, context.path(), &["--build-arg", EPOCH]).0, Some(0));
    let other = SAME.replace("/twice &&", "/twice && cat /proc/sys/kernel/random/uuid > /d/id &&");
    assert_eq!(told(&tool, &other, &["--build-arg", EPOCH]).0, Some(1));
    assert_eq!(files(&tool), before);
    assert_eq!(tool.build(context.path(), &["-t", "kept", "--build-arg", EPOCH]).id, kept.id);
}

#[test]
fn a_stage_that_the_image_takes_nothing_from_is_done_twice_too() {
    let tool = Tool::new(Who::Caller);
    let text = "FROM busybox AS a\nRUN cat /proc/sys/kernel/random/uuid > /id && echo same > /same\n\
                FROM busybox\nCOPY --from=a /same /same\n";
    let context = context(&[("Dockerfile", text)]);
    tool.build(context.path(), &["-t", "kept", "--build-arg", EPOCH]);
    let (code, out, log) = verify(&tool, context.path(), &["--build-arg", EPOCH]);
    assert!(code == Some(1) && out.contains("/id"), "the other stage has another file each time: {out}{log}");
}

#[test]
fn the_first_step_and_file_that_differ_are_named() {
    let tool = Tool::new(Who::Caller);
    let uuid = "cat /proc/sys/kernel/random/uuid";
    let dockerfile = format!(
        "FROM busybox AS a\nCOPY file /file\nRUN mkdir /d && (cat /file && {uuid}) > /d/x\nFROM busybox\nCOPY --from=a /d/x /x\n"
    );
    let (code, told_of) = told(&tool, &dockerfile, &["--source-date-epoch", "1600000000"]);
    assert_eq!((code, lines(&told_of)), (Some(1), vec!["3 /d/x content".to_owned(), "5 /x content".to_owned()]));
    let first = &told_of["differences"][0];
    assert_eq!((first["offset"].as_u64().unwrap() >= 5, &told_of["timesOnly"]), (true, &Value::Bool(false)), "{first}");
    assert!(first["step"].as_str().unwrap().contains("RUN mkdir"), "{first}");
    for (command, what) in [
        (format!("touch /f && chmod 6$((0x$({uuid} | cut -c1-4) % 8))0 /f || true"), "/f mode"),
        (format!("touch /f && chown $((0x$({uuid} | cut -c1-7))) /f"), "/f owner"),
        (format!("ln -s $({uuid}) /f"), "/f target"),
    ] {
        let dockerfile = format!("FROM busybox\nRUN {command}\n");
        // Chance gives the same mode once in eight times.
        let found = (0..12).find_map(|_| {
            let (_, told_of) = told(&tool, &dockerfile, &["--source-date-epoch", "1600000000"]);
            Some(lines(&told_of)).filter(|lines| !lines.is_empty())
        });
        assert_eq!(found, Some(vec![format!("2 {what}")]), "{command}");
    }
    let (code, told_of) =
        told(&tool, &format!("FROM busybox\nRUN touch /$({uuid})\n"), &["--source-date-epoch", "1600000000"]);
    let both = lines(&told_of);
    assert_eq!((code, both.len()), (Some(1), 2));
    assert!(both.iter().all(|line| line.ends_with(" presence")), "{both:?}");
}

#[test]
fn times_alone_are_told_with_what_mends_them() {
    let tool = Tool::new(Who::Caller);
    let context = context(&[("Dockerfile", "FROM busybox\nRUN sleep 1.1 && echo x > /x\n")]);
    let (code, out, log) = verify(&tool, context.path(), &[]);
    assert_eq!(code, Some(1), "{out}{log}");
    assert!(out.starts_with(&format!("{}:2: [2/2] RUN sleep", context.path().join("Dockerfile").display())), "{out}");
    assert!(out.contains("  /x: time differs: ") && out.contains("times only\nhint: "), "{out}");
    let (code, out, _) = verify(&tool, context.path(), &["--source-date-epoch", "0"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.starts_with("the same bytes twice: sha256:"), "{out}");
}

#[test]
fn a_build_that_fails_is_told_at_its_line() {
    let tool = Tool::new(Who::Caller);
    let context = context(&[("Dockerfile", "FROM busybox\nRUN false\n")]);
    let (code, out, log) = verify(&tool, context.path(), &[]);
    assert_eq!((code, out), (Some(1), String::new()));
    assert!(log.contains(">>> RUN false") || log.contains("RUN false"), "{log}");
}

#[test]
fn each_build_has_cache_mounts_of_its_own() {
    for who in Who::all() {
        let tool = Tool::new(who);
        let mounts = |tool: &Tool| {
            let mut files: Vec<String> =
                walk(&tool.root().join("mounts.v1")).iter().map(|path| path.display().to_string()).collect();
            files.sort();
            files
        };
        let text = "FROM busybox\nRUN --mount=type=cache,target=/c,sharing=SHARING \
                    [ -e /c/id ] || cat /proc/sys/kernel/random/uuid > /c/id; mkdir -p -m 0 /c/d; cp /c/id /id\n";
        for sharing in ["shared", "locked", "private"] {
            let context = context(&[("Dockerfile", &text.replace("SHARING", sharing))]);
            tool.build(context.path(), &["-t", "kept", "--build-arg", EPOCH]);
            let before = mounts(&tool);
            assert!(before.iter().any(|path| path.ends_with("/id")), "{before:#?}");
            let (code, out, log) = verify(&tool, context.path(), &["--build-arg", EPOCH]);
            assert!(code == Some(1) && out.contains("/id: "), "{who:?}, {sharing}: {out}{log}");
            assert_eq!(mounts(&tool), before, "{who:?}, {sharing}");
            assert_eq!((tool.leftovers(), tool.traces()), (Vec::new(), Vec::new()));
        }
    }
}

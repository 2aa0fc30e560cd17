//! Goldens of COPY and ADD: `testdata/copy/<case>/` holds a Dockerfile, `context` (a line a file) and `expected`: the files
//! of the image, or what the build says where it fails. `UPDATE=1` rewrites `expected`.

use crate::common;
use crate::world::{Report, World};
use rbuild_runner::testing::Scripted;
use rbuild_store::layer::{Entry, Found, Node, View};
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, mknodat, utimensat};
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// The time of every file of a context that names none.
const THEN: u64 = 1_000_000_000;

#[test]
fn copies_give_the_files_they_should() {
    let mut wrong = Vec::new();
    for case in cases() {
        let expected = fs::read_to_string(case.join("expected")).unwrap_or_default();
        let got = outcome(&case);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(case.join("expected"), &got).unwrap();
        } else if got != expected {
            wrong.push(format!("{}\n--- expected\n{expected}--- got\n{got}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "UPDATE=1 accepts these:\n{}", wrong.join("\n"));
}

fn cases() -> Vec<PathBuf> {
    let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/copy");
    let mut cases: Vec<PathBuf> = fs::read_dir(room).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(!cases.is_empty());
    cases
}

fn outcome(case: &Path) -> String {
    let context = context(&fs::read_to_string(case.join("context")).unwrap());
    let dockerfile = case.join("Dockerfile");
    let world = World::new();
    match world.attempt(&context, &Scripted::new(), &["-f", dockerfile.to_str().unwrap()]) {
        Ok(report) => image(&world, &report),
        Err((error, _)) => format!("ERROR: {error}\n"),
    }
}

/// A context of lines: `d PATH MODE`, `f PATH MODE TEXT`, `l PATH TARGET`, `p PATH MODE`, `h PATH OTHER`, each with `@SECONDS` at its end
/// where its time matters.
fn context(text: &str) -> TempDir {
    let directory = common::public_dir();
    let mut times = Vec::new();
    for line in text.lines() {
        let (line, time) = line.split_once(" @").unwrap_or((line, ""));
        let mut words = line.splitn(4, ' ');
        let (kind, path) = (words.next().unwrap(), directory.path().join(words.next().unwrap()));
        let second = words.next().unwrap_or("755");
        match kind {
            "d" => fs::create_dir(&path).unwrap(),
            "f" => fs::write(&path, words.next().unwrap_or_default()).unwrap(),
            "l" => symlink(second, &path).unwrap(),
            "p" => pipe(&path, u32::from_str_radix(second, 8).unwrap()),
            "h" => fs::hard_link(directory.path().join(second), &path).unwrap(),
            _ => panic!("{line}"),
        }
        if let "d" | "f" = kind {
            let mode = u32::from_str_radix(second, 8).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            times.push((path, time.parse().unwrap_or(THEN)));
        }
    }
    for (path, time) in times.iter().rev() {
        fs::File::open(path).unwrap().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(*time)).unwrap();
    }
    directory
}

/// A named pipe of `THEN`.
fn pipe(path: &Path, mode: u32) {
    let then = Timespec { tv_sec: THEN as i64, tv_nsec: 0 };
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(mode), 0).unwrap();
    utimensat(CWD, path, &Timestamps { last_access: then, last_modification: then }, AtFlags::empty()).unwrap();
}

/// The files of an image, a line each; times only where they are not `THEN` and older than the build.
fn image(world: &World, report: &Report) -> String {
    let layers = world.store.layers();
    let (_, stack) = &report.built.images[0];
    let view = View::new(stack.diff_ids().iter().map(|layer| Arc::new(layers.index(layer).unwrap())).collect());
    let mut text = String::new();
    for found in view.walk(b"") {
        line(&mut text, world, report, found);
    }
    writeln!(text, "{} layers", stack.diff_ids().len()).unwrap();
    text
}

fn line(text: &mut String, world: &World, report: &Report, found: Found<'_>) {
    let Entry { mode, uid, gid, mtime, .. } = *found.entry;
    let path = String::from_utf8_lossy(&found.entry.path);
    let owned = format!("{mode:o} {uid}:{gid}");
    match &found.entry.node {
        Node::Directory { .. } => write!(text, "{path}/ {owned}"),
        Node::File(_) => write!(text, "{path} {owned} {:?}", world.read(report, &path).unwrap()),
        Node::HardLink { target } => write!(text, "{path} = {}", String::from_utf8_lossy(target)),
        Node::Symlink { target } => write!(text, "{path} -> {}", String::from_utf8_lossy(target)),
        other => write!(text, "{path} {owned} {other:?}"),
    }
    .unwrap();
    let is_link = matches!(found.entry.node, Node::Symlink { .. });
    let ending =
        if is_link || mtime == THEN as i64 || mtime >= world.clock { String::new() } else { format!(" @{mtime}") };
    writeln!(text, "{ending}").unwrap();
}

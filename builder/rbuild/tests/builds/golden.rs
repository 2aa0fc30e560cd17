//! The cases below testdata/images, built in every way there is: their manifests have exactly the digests that are kept
//! there, so no byte drifts unseen. `UPDATE=1` rewrites; read the difference.
//!
//! A case is a folder: its `context` (with a file `generated`, which the test makes), and `digests`, a line for each form of the image. What is called `old…` was changed long
//! before the time that is given, all else after it. A case called `amd64-…` runs a program of that processor.

use crate::common;
use crate::tool::{EPOCH, Tool, Who, note_on_ids};
use rbuild_oci::Index;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// How a build is done; none of it may change a byte.
#[derive(Clone, Copy, Debug)]
struct Way {
    who: Who,
    driver: &'static str,
    /// Whether the user has subordinate ids.
    ids: bool,
    umask: &'static str,
    zone: &'static str,
    jobs: &'static str,
    threads: &'static str,
    /// Whether the files of the context are made last first.
    reversed: bool,
}

const USUAL: Way = Way {
    who: Who::Caller,
    driver: "overlay",
    ids: true,
    umask: "022",
    zone: "UTC",
    jobs: "16",
    threads: "2",
    reversed: false,
};

fn ways() -> Vec<Way> {
    let mut ways = vec![
        USUAL,
        Way { umask: "077", zone: "Asia/Kathmandu", jobs: "1", threads: "1", reversed: true, ..USUAL },
        Way { driver: "copy", umask: "000", zone: "America/St_Johns", threads: "7", ..USUAL },
    ];
    if Who::all().contains(&Who::User) {
        let user = Way { who: Who::User, ..USUAL };
        ways.push(Way { umask: "027", reversed: true, ..user });
        ways.push(Way { driver: "copy", ids: false, threads: "3", ..user });
    }
    ways
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/images");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 2, "the cases are gone");
    cases
}

/// A text of several pieces for who compresses it: `generated` of every context.
fn generated() -> String {
    (0..600_000_u64).map(|line| format!("line {}\n", line * 7_919 % 65_521)).collect()
}

/// A copy with modes and times of its own: those of a checkout depend on who made it.
fn place(from: &Path, to: &Path, reversed: bool) {
    let mut paths = common::walk(from);
    paths.retain(|path| path != from);
    let (directories, mut files): (Vec<_>, Vec<_>) =
        paths.into_iter().partition(|path| path.symlink_metadata().unwrap().is_dir());
    let there = |path: &Path| to.join(path.strip_prefix(from).unwrap());
    if reversed {
        files.reverse();
    }
    for directory in &directories {
        fs::create_dir(there(directory)).unwrap();
    }
    for path in files {
        let meta = path.symlink_metadata().unwrap();
        if meta.is_symlink() {
            symlink(fs::read_link(&path).unwrap(), there(&path)).unwrap();
            continue;
        }
        let copy = there(&path);
        fs::copy(&path, &copy).unwrap();
        let mode = if meta.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
        fs::set_permissions(&copy, fs::Permissions::from_mode(mode)).unwrap();
        if path.file_name().unwrap().to_str().unwrap().starts_with("old") {
            let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_234_567_890);
            fs::File::options().write(true).open(&copy).unwrap().set_modified(then).unwrap();
        }
    }
    fs::write(to.join("generated"), generated()).unwrap();
    for directory in directories {
        fs::set_permissions(there(&directory), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// The same command behind a umask.
fn masked(command: &Command, umask: &str) -> Command {
    let mut masked = Command::new("sh");
    masked.args(["-c", "umask \"$0\"; exec \"$@\"", umask]).arg(command.get_program()).args(command.get_args());
    masked.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    masked.env_remove("SOURCE_DATE_EPOCH").current_dir("/");
    masked
}

/// The digests of the manifests of an image in each form, a line each.
fn digests(case: &Path, way: Way) -> String {
    let tool = Tool::new(way.who).with_driver(way.driver);
    if !way.ids {
        for file in ["subuid", "subgid"] {
            fs::write(tool.path(file), "").unwrap();
        }
    }
    let context = tool.path("context");
    fs::create_dir(&context).unwrap();
    fs::set_permissions(&context, fs::Permissions::from_mode(0o755)).unwrap();
    place(&case.join("context"), &context, way.reversed);
    let out = |form: &str| tool.path(&format!("home/{form}"));
    let output = |form: &str| format!("type=oci,tar=false,dest={},compression={form}", out(form).display());
    let (gzip, zstd) = (output("gzip"), output("zstd"));
    let args =
        ["--platform", "linux/amd64", "-t", "x", "--build-arg", EPOCH, "--jobs", way.jobs, "-o", &gzip, "-o", &zstd];
    let mut command = masked(&tool.build_command(&context, &args), way.umask);
    let done = command.env("TZ", way.zone).env("RAYON_NUM_THREADS", way.threads).output().unwrap();
    assert!(done.status.success(), "{way:?}: {}", String::from_utf8_lossy(&done.stderr));
    let mut text = String::new();
    for (form, layout) in [("plain", tool.root()), ("gzip", out("gzip")), ("zstd", out("zstd"))] {
        let index = Index::from_json(&fs::read(layout.join("index.json")).unwrap()).unwrap();
        text.push_str(&format!("{form} {}\n", index.manifests[0].digest));
    }
    text
}

#[test]
fn images_have_the_digests_that_are_kept() {
    if let Some(note) = note_on_ids() {
        common::skip(&format!("golden digests: {note}"));
        return;
    }
    let mut wrong = Vec::new();
    for case in cases() {
        let name = case.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("amd64-") && std::env::consts::ARCH != "x86_64" {
            common::skip(&format!("golden digests of {name}: the processor is another"));
            continue;
        }
        let file = case.join("digests");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&file, digests(&case, USUAL)).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        for way in ways() {
            let found = digests(&case, way);
            if found != expected {
                wrong.push(format!("{name}, {way:?}\nexpected\n{expected}found\n{found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn without_a_time_equal_files_give_equal_layers() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/images/copy");
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let layers: Vec<_> = [false, true]
        .into_iter()
        .map(|reversed| {
            let tool = Tool::new(Who::Caller);
            let context = tool.path("context");
            fs::create_dir(&context).unwrap();
            place(&case.join("context"), &context, reversed);
            for path in common::walk(&context).into_iter().filter(|path| !path.is_symlink()) {
                fs::File::open(path).unwrap().set_modified(then).unwrap();
            }
            let link = context.join("tree/link");
            let touched = Command::new("touch").args(["-h", "-d", "@1700000000"]).arg(link).status().unwrap();
            assert!(touched.success());
            let dockerfile = "FROM scratch\nCOPY tree /tree\nCOPY --link tree/sub/deep /linked/\n";
            fs::write(context.join("Dockerfile"), dockerfile).unwrap();
            tool.build(&context, &["-t", "x"]);
            let store = rbuild_store::Store::open(&tool.root()).unwrap();
            let tag = store.refs().get(&"x".parse().unwrap()).unwrap().unwrap();
            let bytes = store.document(&tag.descriptor.digest).unwrap().unwrap();
            rbuild_oci::Manifest::from_json(&bytes).unwrap().layers
        })
        .collect();
    assert_eq!((layers[0].len(), &layers[0]), (2, &layers[1]));
}

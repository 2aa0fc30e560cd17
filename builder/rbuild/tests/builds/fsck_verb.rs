//! `rbuild fsck`: every kind of file of a store damaged for real, and named; what can be made again is put away, what the
//! user made is not; and nothing is found where others are at work.

use crate::common::{Random, context, fsck, walk};
use crate::tool::{EPOCH, Tool, Who};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const DOCKERFILE: &str = "FROM busybox AS a\nRUN echo only > /cache && echo more > /more\n\
                          FROM busybox\nCOPY file /file\nRUN echo end > /end\nRUN --mount=from=a,target=/a cp /a/more /more\n";

/// What `fsck` says of a store, and its exit code.
fn check(tool: &Tool, root: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output = tool.command(&[&["fsck"], args].concat()).env("RBUILD_ROOT", root).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

/// A store with something of every kind.
fn filled() -> Tool {
    let tool = Tool::new(Who::Caller);
    let context = context(&[("Dockerfile", DOCKERFILE), ("file", "text\n")]);
    let gzip = format!("type=oci,dest={},compression=gzip", tool.path("out.tar").display());
    tool.build(context.path(), &["-t", "kept", "--build-arg", EPOCH, "-o", &gzip]);
    for words in [&["volume", "create", "data"][..], &["create", "--name", "box", "-v", "data:/d", "kept", "true"]] {
        let output = tool.command(words).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let output = tool.command(&["start", "-a", "box"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let failing = crate::common::context(&[("Dockerfile", "FROM busybox\nRUN false\n")]);
    assert!(!tool.attempt(failing.path(), &["--on-error=shell"]).output.status.success());
    let store = rbuild_store::Store::open(&tool.root()).unwrap();
    let blob = rbuild_oci::Descriptor::of("application/vnd.oci.image.layer.v1.tar", b"far away");
    let far = rbuild_store::FarBlob { place: "docker://r.example/far".to_owned(), index: None, blob };
    assert!(store.layers().note_far(&rbuild_oci::DiffId(far.blob.digest), None, &far).unwrap());
    tool
}

/// The note of a compressed layer.
fn noted(root: &Path) -> PathBuf {
    let notes = walk(&root.join("encoded.v1")).into_iter();
    let mut notes = notes.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    notes.find(|path| !path.display().to_string().ends_with(".far.json")).unwrap()
}

/// The first file whose path has that part and that end.
fn first(root: &Path, part: &str, end: &str) -> PathBuf {
    let fits = |path: &PathBuf| {
        let text = path.display().to_string();
        text.contains(part) && text.ends_with(end) && path.symlink_metadata().is_ok_and(|meta| !meta.is_dir())
    };
    walk(root).into_iter().find(fits).unwrap_or_else(|| panic!("{part} {end}"))
}

/// Changes a byte in the middle of a file.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

fn garbage(path: &Path) {
    fs::remove_file(path).unwrap();
    fs::write(path, "garbage").unwrap();
}

/// The manifest of the image that has a name.
fn manifest(root: &Path) -> rbuild_oci::Manifest {
    let store = rbuild_store::Store::open(root).unwrap();
    let tag = store.refs().get(&"kept".parse().unwrap()).unwrap().unwrap();
    rbuild_oci::Manifest::from_json(&store.document(&tag.descriptor.digest).unwrap().unwrap()).unwrap()
}

fn blob(root: &Path, digest: &rbuild_oci::Digest) -> PathBuf {
    root.join("blobs/sha256").join(digest.hex())
}

/// A blob that the image does not need: of the other stage.
fn cached(root: &Path) -> PathBuf {
    let needed = manifest(root).layers;
    let is_layer = |path: &PathBuf| fs::read(path).is_ok_and(|bytes| bytes.windows(5).any(|part| part == b"only\n"));
    let others = walk(&root.join("blobs/sha256")).into_iter();
    let mut others = others.filter(|path| !needed.iter().any(|layer| path.ends_with(layer.digest.hex())));
    others.find(is_layer).unwrap()
}

fn snapshot(root: &Path) -> PathBuf {
    first(root, "snapshots.v1", "/boot").parent().unwrap().to_owned()
}

/// A way to damage a store: what is done, what is said of it, and whether it can be put away.
type Damage = (&'static str, fn(&Path), &'static str, bool);

const DAMAGES: [Damage; 20] = [
    ("a layer of the build cache", |root| flip(&cached(root)), "its content has the digest sha256:", true),
    ("a layer of an image", |root| flip(&blob(root, &manifest(root).layers[1].digest)), "blob sha256:", false),
    (
        "a layer that is gone",
        |root| fs::remove_file(blob(root, &manifest(root).layers[1].digest)).unwrap(),
        "image kept:latest: its layer",
        false,
    ),
    ("a configuration", |root| garbage(&blob(root, &manifest(root).config.digest)), "image kept:latest: ", false),
    ("a layer's index", |root| garbage(&first(root, "index.v1/", "")), "cannot be read", true),
    ("a history", |root| garbage(&first(root, "index.v1/", ".history")), "the history ", true),
    ("a record", |root| garbage(&first(root, "records.v1/", ".json")), "the record ", true),
    (
        "a record of another key",
        |root| {
            let path = first(root, "records.v1/", ".json");
            fs::rename(&path, path.with_file_name(format!("{}.json", "0".repeat(64)))).unwrap();
        },
        "it is the record of ",
        true,
    ),
    ("the list of images", |root| garbage(&root.join("index.json")), "index.json: it is no index", true),
    (
        "a list without an image",
        |root| fs::write(root.join("index.json"), r#"{"schemaVersion":2,"manifests":[]}"#).unwrap(),
        "index.json: it lacks kept:latest",
        true,
    ),
    ("a tag", |root| garbage(&first(root, "refs.v1/", "/:latest")), "the tag in ", false),
    (
        "a tag that lies elsewhere",
        |root| {
            let path = first(root, "refs.v1/", "/:latest");
            fs::copy(&path, path.with_file_name(":other")).unwrap();
        },
        "it is that of docker.io/library/kept:latest, which lies elsewhere",
        false,
    ),
    ("a compressed layer", |root| flip(&noted(root).with_extension("")), "compressed layer ", true),
    ("the note of one", |root| garbage(&noted(root)), "of a compressed layer: it cannot be read", true),
    (
        "the note of a far layer",
        |root| garbage(&first(root, "encoded.v1/", ".far.json")),
        "of where a layer can be had from: it cannot be read",
        true,
    ),
    (
        "a snapshot without files",
        |root| fs::remove_dir_all(snapshot(root).join("fs")).unwrap(),
        "it has no files",
        true,
    ),
    ("a snapshot without marks", |root| fs::remove_file(snapshot(root).join("boot")).unwrap(), "in which boot", true),
    ("a container", |root| garbage(&first(root, "containers.v1/", "/state.json")), "its state.json", false),
    ("a volume", |root| garbage(&first(root, "volumes.v1/data/", "volume.json")), "volume data", false),
    ("a failed step", |root| garbage(&first(root, "builds.v1/", "failed.json")), "the failed build ", true),
];

#[test]
fn every_kind_of_damage_is_named_and_what_can_be_made_again_is_put_away() {
    let tool = filled();
    let (code, said) = check(&tool, &tool.root(), &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains(" 1 tags, ")
            && said.contains(" 1 containers, 1 volumes")
            && said.ends_with(": nothing is wrong\n"),
        "{said}"
    );
    let mut wrong = Vec::new();
    for (number, (name, damage, words, mends)) in DAMAGES.into_iter().enumerate() {
        let root = tool.path(&format!("copy.{number}"));
        assert!(Command::new("cp").arg("-a").arg(tool.root()).arg(&root).status().unwrap().success());
        damage(&root);
        let user = |root: &Path| -> Vec<(PathBuf, Vec<u8>)> {
            let parts = ["refs.v1", "containers.v1", "volumes.v1"];
            let files = parts.iter().flat_map(|part| walk(&root.join(part)));
            files.filter(|path| path.is_file()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
        };
        let before = user(&root);
        let (code, said) = check(&tool, &root, &[]);
        if code != Some(1) || !said.contains(words) || !said.contains("what helps: ") {
            wrong.push(format!("{name}: {code:?}: {said}"));
        }
        let (code, said) = check(&tool, &root, &["--repair"]);
        if code != Some(i32::from(!mends)) {
            wrong.push(format!("{name}, repaired: {code:?}: {said}"));
        }
        let (code, said) = check(&tool, &root, &[]);
        if code != Some(i32::from(!mends)) {
            wrong.push(format!("{name}, after that: {code:?}: {said}"));
        }
        assert!(user(&root) == before, "{name}: what the user made was changed");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_damaged_image_is_whole_again_once_it_is_built_again() {
    let tool = filled();
    let root = tool.root();
    let layer = manifest(&root).layers[1].digest;
    flip(&blob(&root, &layer));
    let (code, said) = check(&tool, &root, &["--repair"]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains(&format!("repaired: blob {layer}\nimage kept:latest: its layer {layer} is missing")),
        "{said}"
    );
    let context = context(&[("Dockerfile", DOCKERFILE), ("file", "text\n")]);
    tool.build(context.path(), &["-t", "kept", "--build-arg", EPOCH]);
    let (code, said) = check(&tool, &root, &[]);
    assert_eq!(code, Some(0), "{said}");
    fsck::check(&root);
}

#[test]
fn nothing_is_found_beside_builds_and_prunes() {
    let (tool, context, stop) = (Tool::new(Who::Caller), context(&[("file", "text\n")]), AtomicBool::new(false));
    let place = context.path();
    std::thread::scope(|scope| {
        for number in 0..3 {
            let (tool, stop) = (&tool, &stop);
            scope.spawn(move || {
                let mut random = Random::new("beside");
                let (file, tag) = (place.join(format!("Dockerfile.{number}")), format!("app:{number}"));
                let id = tool.path(&format!("home/id.{number}")).display().to_string();
                while !stop.load(Ordering::Relaxed) {
                    fs::write(&file, format!("{DOCKERFILE}RUN echo {} > /x\n", random.below(4))).unwrap();
                    let args = ["-f", file.to_str().unwrap(), "-t", &tag, "--iidfile", &id];
                    let output = tool.command_with_id(place, &args).output().unwrap();
                    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                }
            });
        }
        let (began, mut rounds) = (Instant::now(), 0);
        let mut found = None;
        while began.elapsed() < Duration::from_secs(6) && found.is_none() {
            let (code, said) = check(&tool, &tool.root(), &[]);
            found = Some(said).filter(|_| code != Some(0));
            let prune = [&["builder", "prune", "-a", "-f"][..], &["image", "prune", "-f"], &["system", "prune", "-f"]];
            let output = tool.command(prune[rounds % 3]).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            rounds += 1;
        }
        stop.store(true, Ordering::Relaxed);
        println!("{rounds} checks");
        assert_eq!(found, None);
    });
    assert_eq!(check(&tool, &tool.root(), &[]).0, Some(0));
}

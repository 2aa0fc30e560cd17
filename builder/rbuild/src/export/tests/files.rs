//! The files of an image in a directory and in an archive.

use super::fixture::{Item, TIME, World, dir, file, gone, hard, is_root, mode, node, run, slices, small, soft};
use crate::request::{Others, Output, OutputKind};
use rbuild_oci::Cancel;
use rbuild_store::layer::{Limits, Node, index_tar};
use rbuild_store::{Device, FileKind, RootDir};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

fn local(world: &World, layers: &[Vec<Item>], name: &str) {
    let images = [world.image("linux/amd64", &slices(layers))];
    world.export(&images, &[], &world.output(OutputKind::Local, name)).unwrap();
}

/// Everything in a directory: kind, mode, time, names of the file, content or target.
fn scan(root: &Path) -> BTreeMap<String, (FileKind, u32, i64, u32, Vec<u8>)> {
    let directory = RootDir::open(root).unwrap();
    let walk = directory.walk(b"").unwrap().map(Result::unwrap);
    walk.map(|found| {
        let path = String::from_utf8(found.path.clone()).unwrap();
        let body = match found.meta.kind {
            FileKind::File => fs::read(root.join(&path)).unwrap(),
            FileKind::Symlink => directory.readlink(&found.path).unwrap(),
            _ => Vec::new(),
        };
        let nlink = if found.meta.is_dir() { 0 } else { found.meta.nlink };
        (path, (found.meta.kind, found.meta.mode, found.meta.mtime.seconds, nlink, body))
    })
    .collect()
}

#[test]
fn layers_are_merged_into_a_directory() {
    let world = World::new();
    local(&world, &small(), "out");
    let out = world.path("out");
    let found = scan(&out);
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(names, ["d", "d/b", "d/new\nline", "d/up", "d/x", "locked", "locked/in", "suid", "z"]);
    let stat = |name: &str| out.join(name).symlink_metadata().unwrap();
    assert_eq!(stat("d/b").ino(), stat("z").ino(), "two names of a file whose first name is deleted");
    assert_eq!(found["z"].4, b"one file with three names");
    assert_eq!((found["locked"].1, found["suid"].1), (0o555, 0o4755));
    assert_eq!((found["d"].2, found["d/x"].2, found["d/up"].2), (TIME - 5, TIME - 7, TIME - 5));
    assert_eq!(stat("z").uid(), rustix::process::geteuid().as_raw());
    let attribute = RootDir::open(&out).unwrap().get_xattr(b"d/x", b"user.note").unwrap();
    assert_eq!((attribute, world.said.take()), (Some(b"yes".to_vec()), Vec::new()));
}

#[test]
fn what_the_image_does_not_have_goes_where_that_is_asked_for() {
    let world = World::new();
    let out = world.path("out");
    fs::create_dir_all(out.join("old/deep")).unwrap();
    fs::write(out.join("old/deep/file"), "x").unwrap();
    fs::create_dir(out.join("d")).unwrap();
    fs::write(out.join("d/old"), "x").unwrap();
    fs::write(world.path("outside"), "x").unwrap();
    symlink(world.path("outside"), out.join("link")).unwrap();
    let images = [world.image("linux/amd64", &slices(&small()))];
    let output = world.output(OutputKind::Local, "out");
    world.export(&images, &[], &output).unwrap();
    assert!(out.join("old/deep/file").exists() && out.join("d/old").exists(), "they stay");
    world.export(&images, &[], &Output { others: Others::Go, ..output }).unwrap();
    let found = scan(&out);
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(names, ["d", "d/b", "d/new\nline", "d/up", "d/x", "locked", "locked/in", "suid", "z"]);
    assert_eq!((found["d"].2, fs::read(world.path("outside")).unwrap().as_slice()), (TIME - 5, &b"x"[..]));
    let whole = Output { others: Others::Go, ..world.output(OutputKind::Local, "") };
    let said = world.export(&images, &[], &whole).unwrap_err().to_string();
    assert!(said.contains("would remove the store") && world.path("outside").exists(), "{said}");
}

#[test]
fn a_second_export_into_the_same_directory_changes_nothing() {
    let world = World::new();
    local(&world, &small(), "out");
    let before = scan(&world.path("out"));
    local(&world, &small(), "out");
    assert_eq!(scan(&world.path("out")), before);
}

#[test]
fn what_is_there_stays_or_gives_way_and_links_lead_nowhere() {
    let world = World::new();
    let (out, outside) = (world.path("out"), world.path("outside"));
    fs::create_dir_all(out.join("d/a-directory")).unwrap();
    fs::create_dir_all(out.join("was-directory/with")).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("f"), "untouched").unwrap();
    for (name, body) in [("mine", "kept"), ("d/mine", "kept"), ("was-file", "x"), ("old", "old"), ("d/a", "x")] {
        fs::write(out.join(name), body).unwrap();
    }
    fs::hard_link(out.join("old"), world.path("other-name")).unwrap();
    symlink(&outside, out.join("link")).unwrap();
    symlink(outside.join("f"), out.join("f")).unwrap();
    let layer = vec![
        dir("d"),
        file("f", "new"),
        dir("link"),
        file("link/f", "new"),
        file("old", "new"),
        file("was-directory", "new"),
        dir("was-file"),
        file("was-file/x", "new"),
    ];
    local(&world, &[layer], "out");
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    for name in ["f", "link/f", "old", "was-directory", "was-file/x"] {
        assert_eq!(read(name), "new", "{name}");
    }
    assert_eq!((read("mine"), read("d/mine"), read("d/a")), ("kept".into(), "kept".into(), "x".into()));
    assert_eq!(fs::read_to_string(outside.join("f")).unwrap(), "untouched");
    assert_eq!(fs::read_to_string(world.path("other-name")).unwrap(), "old", "replaced, not overwritten");
    assert!(out.join("link").symlink_metadata().unwrap().is_dir() && out.join("d/a-directory").is_dir());
    assert!(scan(&out).keys().all(|name| !name.contains(".rbuild")));
}

#[test]
fn directories_appear_vanish_and_turn_into_others_across_layers() {
    let world = World::new();
    let opaque = Node::Directory { opaque: true, implied: false };
    let layers = [
        vec![
            dir("a"),
            file("a/x", "1"),
            dir("b"),
            file("b/x", "1"),
            file("c", "1"),
            dir("e"),
            dir("e/f"),
            soft("s", "a"),
        ],
        vec![
            node("a", opaque),
            file("a/y", "2"),
            file("b", "2"),
            dir("c"),
            file("c/x", "2"),
            gone("e"),
            file("s/in", "2"),
        ],
    ];
    local(&world, &layers, "out");
    let found = scan(&world.path("out"));
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(names, ["a", "a/y", "b", "c", "c/x", "s", "s/in"]);
    assert_eq!((found["s"].0, found["s"].1, found["s"].2), (FileKind::Directory, 0o755, 0), "implied");
}

#[test]
fn devices_are_made_where_they_may_be() {
    let world = World::new();
    let device = Device { major: 1, minor: 3 };
    let layer = vec![
        dir("dev"),
        node("dev/null", Node::CharDevice(device)),
        hard("dev/zero", "dev/null"),
        node("p", Node::Fifo),
    ];
    local(&world, &[layer], "out");
    let found = scan(&world.path("out"));
    assert_eq!(found["p"].0, FileKind::Fifo);
    if is_root("making devices") {
        assert_eq!((found["dev/null"].0, found["dev/zero"].3), (FileKind::CharDevice, 2));
    } else {
        assert_eq!(found.len(), 2);
        assert!(world.said.take()[0].contains("/dev/null, /dev/zero"));
    }
}

#[test]
fn an_archive_has_the_same_files_as_the_directory() {
    if !is_root("comparing with tar") {
        return;
    }
    let world = World::new();
    let images = [world.image("linux/amd64", &slices(&small()))];
    for name in ["a.tar", "b.tar"] {
        world.export(&images, &[], &world.output(OutputKind::Tar, name)).unwrap();
    }
    assert_eq!(fs::read(world.path("a.tar")).unwrap(), fs::read(world.path("b.tar")).unwrap());
    let (index, ..) =
        index_tar(&mut fs::File::open(world.path("a.tar")).unwrap(), Limits::default(), &Cancel::new()).unwrap();
    assert_eq!(index.get(b"z").unwrap().node, Node::HardLink { target: b"d/b".to_vec() });
    assert_eq!(index.totals().whiteouts, 0);
    local(&world, &small(), "out");
    fs::create_dir(world.path("unpacked")).unwrap();
    let (archive, into) = (world.path("a.tar"), world.path("unpacked"));
    let arguments = ["--xattrs", "--xattrs-include=*", "-xpf", archive.to_str().unwrap(), "-C", into.to_str().unwrap()];
    if run("tar", &arguments).is_some() {
        assert_eq!(scan(&into), scan(&world.path("out")));
        let attribute = RootDir::open(&into).unwrap().get_xattr(b"d/x", b"user.note").unwrap();
        assert_eq!(attribute.as_deref(), Some(&b"yes"[..]));
    }
}

#[test]
fn owners_are_kept_in_archives() {
    let world = World::new();
    let mut owned = file("f", "x");
    (owned.0.uid, owned.0.gid) = (1000, 3_000_000);
    let images = [world.image("linux/amd64", &[&[owned]])];
    let output = world.output(OutputKind::Tar, "out.tar");
    world.export(&images, &[], &output).unwrap();
    let (index, ..) = index_tar(&mut fs::File::open(output.dest).unwrap(), Limits::default(), &Cancel::new()).unwrap();
    let found = index.get(b"f").unwrap();
    assert_eq!((found.uid, found.gid), (1000, 3_000_000));
}

#[test]
fn platforms_have_a_directory_each() {
    let world = World::new();
    let layers = |text: &str| vec![vec![dir("d"), file("d/f", text), hard("g", "d/f")]];
    let (arm, amd) = (layers("arm"), layers("amd"));
    let images = [world.image("linux/arm/v7", &slices(&arm)), world.image("linux/amd64", &slices(&amd))];
    world.export(&images, &[], &world.output(OutputKind::Local, "out")).unwrap();
    world.export(&images, &[], &world.output(OutputKind::Tar, "out.tar")).unwrap();
    let found = scan(&world.path("out"));
    assert_eq!((&found["linux_amd64/g"].4[..], &found["linux_arm_v7/d/f"].4[..]), (&b"amd"[..], &b"arm"[..]));
    assert_eq!((found["linux_amd64/g"].3, found["linux_amd64"].1), (2, 0o755));
    let mut archive = fs::File::open(world.path("out.tar")).unwrap();
    let (index, ..) = index_tar(&mut archive, Limits::default(), &Cancel::new()).unwrap();
    let target = b"linux_arm_v7/d/f".to_vec();
    assert_eq!(index.get(b"linux_arm_v7/g").unwrap().node, Node::HardLink { target });
}

#[test]
fn a_locked_directory_is_filled_again() {
    let world = World::new();
    let layers = [vec![mode(0o500, dir("locked")), file("locked/f", "new")]];
    fs::create_dir_all(world.path("out/locked")).unwrap();
    fs::set_permissions(world.path("out/locked"), fs::Permissions::from_mode(0o000)).unwrap();
    local(&world, &layers, "out");
    assert_eq!(scan(&world.path("out"))["locked"].1, 0o500);
}

//! `rbuild copy` between every two places: every digest stays, nothing but the destination is written.

use crate::world::{World, compressed, index, named, put, text, tool, two_platforms};
use rbuild_oci::testing::{TestImage, random_image};
use rbuild_oci::{Descriptor, Digest, Index, Manifest, MediaType};
use rbuild_registry::testing::{Fault, Registry};
use rbuild_store::layer::Format;
use std::fs;

/// A registry with an image.
fn registry_with(repository: &str, tag: &str, image: &TestImage) -> Registry {
    let registry = Registry::start().unwrap();
    put(&registry, repository, tag, image);
    registry
}

/// An image for two platforms whose layers are compressed.
fn multi() -> TestImage {
    let mut parts: Vec<TestImage> = Vec::new();
    let plain = two_platforms(20);
    for entry in Index::from_json(&plain.blobs[&plain.descriptor.digest]).unwrap().manifests {
        let image = TestImage { descriptor: entry.clone(), blobs: plain.blobs.clone() };
        let mut image = compressed(&image, Format::Gzip);
        image.descriptor.platform = entry.platform;
        parts.push(image);
    }
    index(&parts.iter().collect::<Vec<_>>())
}

fn digest_of(said: &str) -> &str {
    said.lines().last().unwrap().strip_prefix("Digest: ").unwrap()
}

#[test]
fn an_image_goes_round_through_all_places_unchanged() {
    let image = multi();
    let registry = registry_with("me/app", "1", &image);
    let world = World::new();
    fs::remove_dir_all(world.root()).unwrap();
    let host = registry.host();
    let wanted = image.descriptor.digest.to_string();
    let route = [
        format!("docker://{host}/me/app:1"),
        format!("oci:{}:one", text(&world.path("layout"))),
        format!("oci-archive:{}:two", text(&world.path("layout.tar"))),
        format!("dir:{}", text(&world.path("dir"))),
        format!("docker-archive:{}:app:3", text(&world.path("docker.tar"))),
        format!("oci:{}:four", text(&world.path("layout"))),
        "store:app:5".to_owned(),
        format!("oci-archive:{}", text(&world.path("last.tar"))),
    ];
    for pair in route.windows(2) {
        let said = world.done(&["copy", "--all", &pair[0], &pair[1]]);
        assert_eq!(digest_of(&said), wanted, "{pair:?}");
        let there = pair[1].starts_with("oci:") && pair[0].starts_with("docker-archive:");
        assert_eq!(said.contains("Copied"), !there && !pair[1].starts_with("store:"), "{pair:?}: {said}");
        assert_eq!(said.contains("Already there"), there, "{pair:?}: {said}");
        assert_eq!(world.root().exists(), pair[1].starts_with("store:") || pair[0].starts_with("store:"), "{pair:?}");
    }
    world.check();
    assert_eq!(world.digest("app:5"), image.descriptor.digest);
    let index = Index::from_json(&fs::read(world.path("layout/index.json")).unwrap()).unwrap();
    assert_eq!(index.manifests.len(), 2, "the layout keeps both names");
}

#[test]
fn one_platform_is_this_machines_or_the_one_that_is_wanted() {
    let image = multi();
    let registry = registry_with("me/app", "latest", &image);
    let world = World::new();
    let from = format!("{}/me/app", registry.host());
    let manifests = Index::from_json(&image.blobs[&image.descriptor.digest]).unwrap().manifests;
    let to = format!("dir:{}", text(&world.path("here")));
    assert_eq!(digest_of(&world.done(&["copy", &from, &to])), manifests[0].digest.to_string());
    let to = format!("dir:{}", text(&world.path("there")));
    let said = world.done(&["copy", "--platform", "linux/s390x", &from, &to]);
    assert_eq!(digest_of(&said), manifests[1].digest.to_string());
    assert_eq!(Digest::of(&fs::read(world.path("there/manifest.json")).unwrap()), manifests[1].digest);
    let error = world.refused(&["copy", "--platform", "linux/riscv64", &from, &to]);
    assert!(error.contains("linux/riscv64") && error.contains("linux/s390x"), "{error}");
    let error = world.refused(&["copy", "--all", "--platform", "linux/s390x", &from, &to]);
    assert!(error.contains("--platform"), "{error}");
}

#[test]
fn what_a_registry_garbles_leaves_nothing() {
    let image = compressed(&random_image(22, 2), Format::Gzip);
    let registry = Registry::start().unwrap();
    let manifest = Manifest::from_json(&image.blobs[&image.descriptor.digest]).unwrap();
    let mut garbled = TestImage { descriptor: image.descriptor.clone(), blobs: image.blobs.clone() };
    let last = manifest.layers[1].digest;
    let layer = garbled.blobs.get_mut(&last).unwrap();
    let at = layer.len() / 2;
    layer[at] ^= 1;
    registry.put_image("me/app", "1", &garbled);
    let world = World::new();
    let from = format!("{}/me/app:1", registry.host());
    for to in ["oci:layout:x", "oci-archive:a.tar", "docker-archive:d.tar", "dir:dir", "store:app:1"] {
        let before = fs::read_dir(world.path("")).unwrap().count();
        let error = world.refused(&["copy", &from, to]);
        assert!(error.contains(&last.to_string()), "{to}: {error}");
        assert_eq!(fs::read_dir(world.path("")).unwrap().count(), before, "{to}");
        assert!(world.store().refs().list().unwrap().is_empty(), "{to}");
    }
    world.check();
}

#[test]
fn what_a_registry_garbles_once_is_asked_for_again() {
    let image = compressed(&random_image(26, 2), Format::Gzip);
    let manifest = Manifest::from_json(&image.blobs[&image.descriptor.digest]).unwrap();
    let registry = registry_with("me/app", "1", &image);
    registry.fail(&format!("/blobs/{}", manifest.layers[1].digest), Fault::Corrupt, 1);
    let world = World::new();
    world.done(&["copy", &format!("docker://{}/me/app:1", registry.host()), "store:app:1"]);
    assert_eq!(world.digest("app:1"), image.descriptor.digest);
    world.check();
}

#[test]
fn an_index_of_indexes_of_indexes() {
    let mut wide = random_image(25, 1);
    for _ in 0..5 {
        wide = index(&[&wide; 60]);
    }
    let world = World::new();
    world.layout("wide", &[&wide], vec![wide.descriptor.clone()]);
    let error = world.refused(&["copy", "--all", "oci:wide", "dir:out"]);
    assert!(error.contains("too many documents are listed"), "{error}");
    assert!(!world.path("out").exists());
}

#[test]
fn an_archive_that_is_there_is_not_written_over() {
    let world = World::new();
    let registry = registry_with("app", "1", &random_image(3, 1));
    let from = format!("{}/app:1", registry.host());
    for form in ["docker-archive", "oci-archive"] {
        let file = world.path(&format!("{form}.tar"));
        std::fs::write(&file, "a letter").unwrap();
        let said = world.refused(&["copy", &from, &format!("{form}:{}", file.display())]);
        assert!(said.contains("is there already"), "{said}");
        assert_eq!(std::fs::read(&file).unwrap(), b"a letter");
    }
}

#[test]
fn places_that_are_not_there() {
    let world = World::new();
    let image = random_image(23, 1);
    let layout = world.layout("two", &[&image], vec![named(&image, "a:1"), named(&image, "b:2")]);
    world.done(&["load", "-i", text(&layout)]);
    world.done(&["save", "-o", "two.tar", "a:1", "b:2"]);
    for (from, expected) in [
        ("oci:nowhere", "nowhere"),
        ("oci:two", "latest not found"),
        ("oci:two:c", "c not found"),
        ("docker-archive:two.tar:c:1", "c:1 not found"),
        ("store:nope", "nope not found"),
        ("containers-storage:a", "no transport containers-storage:"),
        ("./two", "places in files are"),
    ] {
        let error = world.refused(&["copy", from, "dir:out"]);
        assert!(error.contains(expected), "{from}: {error}");
        assert!(!world.path("out").exists());
    }
    world.done(&["copy", "docker-archive:two.tar:b:2", "dir:out"]);
    assert_eq!(Digest::of(&fs::read(world.path("out/manifest.json")).unwrap()), image.descriptor.digest);
}

#[test]
fn an_old_docker_archive_becomes_a_layout_that_others_read() {
    let world = World::new();
    let image = random_image(24, 2);
    let parts = crate::world::parts(&image);
    let manifest = r#"[{"Config":"c.json","RepoTags":["old:1"],"Layers":["0.tar","1.tar"]}]"#;
    use crate::world::Member::File;
    world.archive(
        "old.tar",
        &[
            ("0.tar", File(&parts.layers[0])),
            ("1.tar", File(&parts.layers[1])),
            ("c.json", File(&parts.config)),
            ("manifest.json", File(manifest.as_bytes())),
        ],
    );
    world.done(&["copy", "docker-archive:old.tar", "oci:layout:1"]);
    if let Some(config) =
        tool("skopeo", &["inspect", "--config", "--raw", &format!("oci:{}:1", text(&world.path("layout")))])
    {
        assert_eq!(config.as_bytes(), parts.config);
    }
}

#[test]
fn registries_get_what_they_do_not_have() {
    let image = multi();
    let registry = registry_with("me/app", "1", &image);
    let other = Registry::start().unwrap();
    let world = World::new();
    fs::remove_dir_all(world.root()).unwrap();
    let wanted = image.descriptor.digest.to_string();
    let from = format!("docker://{}/me/app:1", registry.host());
    let copied = |from: &str, to: &str| {
        let said = world.done(&["copy", "--all", from, to]);
        assert_eq!(digest_of(&said), wanted, "{to}");
        said
    };
    let away = format!("docker://{}/a/b:2", other.host());
    let said = copied(&from, &away);
    assert!(said.contains("Copied") && !said.contains("Already there"), "{said}");
    let said = copied(&from, &away);
    assert!(!said.contains("Copied") && said.contains("Already there"), "{said}");
    let beside = format!("docker://{}/me/copy:1", registry.host());
    assert!(copied(&from, &beside).contains("Mounted from me/app"));
    // By digest alone, and back out of both.
    copied(&from, &format!("docker://{}/c/d@{wanted}", other.host()));
    // Without --all it is another digest.
    let error = world.refused(&["copy", &from, &format!("docker://{}/c/d@{wanted}", other.host())]);
    assert!(error.contains("cannot become"), "{error}");
    for from in [&away, &beside, &format!("docker://{}/c/d@{wanted}", other.host())] {
        copied(from, &format!("oci:{}:x", text(&world.path("back"))));
    }
    copied(&format!("oci:{}:x", text(&world.path("back"))), &format!("{}/e/f:1", other.host()));
    assert!(!world.root().exists(), "the store is not needed");
}

#[test]
fn a_large_layer_goes_through_in_little_memory() {
    let world = World::new();
    let layer = crate::world::archive(&[("big", crate::world::Member::File(&vec![7; 96 << 20]))]);
    let image = crate::world::image_of(layer);
    let registry = registry_with("me/big", "1", &image);
    for to in ["oci:layout:1", "oci-archive:big.tar"] {
        let from = format!("{}/me/big:1", registry.host());
        let script = "ulimit -v 400000; exec \"$0\" copy -q \"$1\" \"$2\"";
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_rbuild"), &from, to]).current_dir(world.path(""));
        let output = command.env("RBUILD_ROOT", world.root()).output().unwrap();
        assert!(output.status.success(), "{to}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_layer_that_lies_elsewhere_is_refused_where_it_has_to_be_there() {
    let world = World::new();
    let mut image = compressed(&random_image(26, 2), Format::Gzip);
    let mut manifest = Manifest::from_json(&image.blobs[&image.descriptor.digest]).unwrap();
    manifest.layers[0].media_type = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip".into();
    manifest.layers[0].urls = vec!["https://far.invalid/layer".to_owned()];
    let bytes = rbuild_oci::to_canonical_json(&manifest).unwrap();
    image.descriptor = Descriptor::of(MediaType::OCI_MANIFEST, &bytes);
    image.blobs.insert(image.descriptor.digest, bytes);
    let foreign = manifest.layers[0].digest;
    image.blobs.remove(&foreign);
    world.layout("from", &[&image], vec![image.descriptor.clone()]);
    let error = world.refused(&["copy", "oci:from", "docker-archive:out.tar"]);
    assert!(error.contains(&foreign.to_string()) && error.contains("foreign"), "{error}");
    assert!(!world.path("out.tar").exists());
    assert_eq!(digest_of(&world.done(&["copy", "oci:from", "oci:to:1"])), image.descriptor.digest.to_string());
}

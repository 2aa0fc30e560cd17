//! `rbuild manifest`: lists of images, made of what the store and registries have.

use crate::world::{World, for_platform, named, put, text, two_platforms};
use rbuild_oci::Index;
use rbuild_oci::testing::random_image;
use rbuild_registry::testing::Registry;
use serde_json::Value;
use std::fs;

fn stocked() -> World {
    let world = World::new();
    let (amd, arm) =
        (for_platform(&random_image(1, 1), "linux/amd64"), for_platform(&random_image(2, 2), "linux/arm64"));
    let layout = world.layout("stock", &[&amd, &arm], vec![named(&amd, "app:amd64"), named(&arm, "app:arm64")]);
    world.done(&["load", "-i", text(&layout)]);
    world
}

fn entries(world: &World, list: &str) -> Vec<(String, String)> {
    let index = Index::from_json(&fs::read(world.store().blob_path(&world.digest(list))).unwrap()).unwrap();
    let platform =
        |entry: &rbuild_oci::Descriptor| entry.platform.as_ref().map(ToString::to_string).unwrap_or_default();
    index.manifests.iter().map(|entry| (entry.digest.to_string(), platform(entry))).collect()
}

fn pair(world: &World, name: &str, platform: &str) -> (String, String) {
    (world.digest(name).to_string(), platform.to_owned())
}

#[test]
fn a_list_is_made_of_images_and_grows_when_told_to() {
    let world = stocked();
    let said = world.done(&["manifest", "create", "app:all", "app:amd64"]);
    assert_eq!(said, "Created manifest list docker.io/library/app:all\n");
    let error = world.refused(&["manifest", "create", "app:all", "app:arm64"]);
    assert!(error.contains("--amend"), "{error}");
    world.done(&["manifest", "create", "--amend", "app:all", "app:arm64", "app:amd64"]);
    let both = [pair(&world, "app:amd64", "linux/amd64"), pair(&world, "app:arm64", "linux/arm64")];
    assert_eq!(entries(&world, "app:all"), both);
    world.check();
    let error = world.refused(&["manifest", "create", "app:amd64", "app:arm64"]);
    assert!(error.contains("app:amd64 is an image, not a list"), "{error}");
    // Of a list come all images; a saved list is one.
    world.done(&["manifest", "create", "more:1", "app:all"]);
    assert_eq!(entries(&world, "more:1"), both);
    world.done(&["save", "-o", "all.tar", "app:all"]);
    let other = World::new();
    other.done(&["load", "-i", text(&world.path("all.tar"))]);
    assert_eq!(other.digest("app:all"), world.digest("app:all"));
}

#[test]
fn images_of_a_registry_are_brought_for_a_list() {
    let registry = Registry::start().unwrap();
    let (single, multi) = (for_platform(&random_image(3, 1), "linux/riscv64"), two_platforms(4));
    registry.put_image("me/one", "1", &single);
    put(&registry, "me/many", "1", &multi);
    let world = stocked();
    let (one, many) = (format!("{}/me/one:1", registry.host()), format!("{}/me/many:1", registry.host()));
    world.done(&["manifest", "create", "app:all", "app:arm64", &one, &many]);
    let platforms: Vec<String> = entries(&world, "app:all").into_iter().map(|(_, platform)| platform).collect();
    assert_eq!(platforms.len(), 4, "{platforms:?}");
    assert_eq!((&*platforms[0], &*platforms[1], &*platforms[3]), ("linux/arm64", "linux/riscv64", "linux/s390x"));
    world.check();
    let error = world.refused(&["manifest", "create", "app:none", &format!("{}/me/none", registry.host())]);
    assert!(error.contains("me/none"), "{error}");
    // What a registry has is shown without bringing it.
    let shown: Value = serde_json::from_str(&world.done(&["manifest", "inspect", &many])).unwrap();
    assert_eq!(shown["manifests"].as_array().unwrap().len(), 2);
    let shown: Value = serde_json::from_str(&world.done(&["manifest", "inspect", "-v", &many])).unwrap();
    assert_eq!(shown[1]["Platform"], "linux/s390x");
    assert_eq!(shown[1]["OCIManifest"]["layers"].as_array().unwrap().len(), 1);
}

#[test]
fn a_list_is_shown_annotated_and_removed() {
    let world = stocked();
    world.done(&["manifest", "create", "app:all", "app:amd64", "app:arm64"]);
    let raw: Value = serde_json::from_str(&world.done(&["manifest", "inspect", "app:all"])).unwrap();
    assert_eq!(raw["manifests"][1]["platform"]["architecture"], "arm64");
    let arguments = ["manifest", "annotate", "app:all", "app:arm64", "--variant", "v8", "--os-features", "sve"];
    assert_eq!(world.done(&arguments), "");
    assert_eq!(entries(&world, "app:all")[1].1, "linux/arm64/v8");
    let digest = world.digest("app:amd64").to_string();
    world.done(&["manifest", "annotate", "app:all", &digest, "--arch", "386", "--os", "plan9"]);
    assert_eq!(entries(&world, "app:all")[0].1, "plan9/386");
    let error = world.refused(&["manifest", "annotate", "app:arm64", "app:arm64", "--arch", "386"]);
    assert!(error.contains("is an image, not a list"), "{error}");
    let verbose: Value = serde_json::from_str(&world.done(&["manifest", "inspect", "-v", "app:all"])).unwrap();
    assert_eq!(verbose[0]["Ref"], format!("docker.io/library/app@{digest}"));
    assert_eq!(verbose[0]["Descriptor"]["digest"], digest);
    let error = world.refused(&["manifest", "rm", "app:all", "app:amd64"]);
    assert!(error.contains("is an image"), "{error}");
    assert!(world.done(&["manifest", "rm", "app:all"]).contains("Untagged: app:all\n"));
    world.digest("app:amd64");
    world.digest("app:arm64");
    world.check();
    let error = world.refused(&["manifest", "rm", "app:all"]);
    assert!(error.contains("app:all not found"), "{error}");
}

#[test]
fn a_list_is_sent_with_its_images() {
    let registry = Registry::start().unwrap();
    let multi = two_platforms(6);
    put(&registry, "me/many", "1", &multi);
    let world = stocked();
    let many = format!("{}/me/many:1", registry.host());
    world.done(&["manifest", "create", "app:all", &many]);
    // What came from elsewhere keeps its digests, images that lie uncompressed here are compressed unless told otherwise.
    let to = format!("docker://{}/me/all:1", registry.host());
    let said = world.done(&["manifest", "push", "--compression", "none", "app:all", &to]);
    assert_eq!(said.trim(), world.digest("app:all").to_string());
    let list = format!("{}/me/all:2", registry.host());
    world.done(&["manifest", "create", &list, "app:amd64", "app:arm64"]);
    let pushed = world.done(&["manifest", "push", "--purge", &list]);
    let digest = pushed.lines().next().unwrap();
    assert!(world.store().refs().get(&list.parse().unwrap()).unwrap().is_none());
    let other = World::new();
    for platform in ["linux/amd64", "linux/arm64"] {
        other.done(&["pull", "-q", "--platform", platform, &list]);
        other.check();
    }
    let shown: Value = serde_json::from_str(&other.done(&[
        "manifest",
        "inspect",
        "-v",
        &format!("{}/me/all@{digest}", registry.host()),
    ]))
    .unwrap();
    assert!(shown[0]["OCIManifest"]["layers"][0]["mediaType"].as_str().unwrap().ends_with("tar+gzip"), "{shown}");
}

#[test]
fn nothing_is_lost_of_a_list_that_many_add_to() {
    let world = World::new();
    let images: Vec<_> = (0..8).map(|seed| for_platform(&random_image(50 + seed, 1), "linux/amd64")).collect();
    let names: Vec<String> = (0..8).map(|number| format!("app:{number}")).collect();
    let entries_of = images.iter().zip(&names).map(|(image, name)| named(image, name)).collect();
    let layout = world.layout("many", &images.iter().collect::<Vec<_>>(), entries_of);
    world.done(&["load", "-i", text(&layout)]);
    for _ in 0..3 {
        std::thread::scope(|scope| {
            for name in &names {
                scope.spawn(|| world.done(&["manifest", "create", "--amend", "app:all", name]));
            }
        });
        assert_eq!(entries(&world, "app:all").len(), 8);
        std::thread::scope(|scope| {
            for name in &names {
                let annotate = ["manifest", "annotate", "app:all", name, "--variant", &name[4..]];
                let world = &world;
                scope.spawn(move || world.done(&annotate));
            }
        });
        let said = entries(&world, "app:all").into_iter().filter(|(_, platform)| platform != "linux/amd64");
        assert_eq!(said.count(), 8);
        world.done(&["manifest", "rm", "app:all"]);
    }
}

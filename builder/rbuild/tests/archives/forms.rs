//! Every form that images come in: what docker, podman, skopeo and buildah have written over the years.

use crate::hostile::packed;
use crate::world::{Member, World, compressed, for_platform, id, named, parts, text, tool, two_platforms};
use rbuild::image;
use rbuild_oci::testing::random_image;
use rbuild_oci::{Digest, ImageConfig};
use rbuild_store::layer::Format;
use std::fs;

/// The docker archive of one image, its layers as they are given.
fn manifest(config: &str, names: &[&str], layers: &[&str]) -> String {
    serde_json::json!([{ "Config": config, "RepoTags": names, "Layers": layers }]).to_string()
}

#[test]
fn archives_of_docker_with_links() {
    let world = World::new();
    let image = random_image(1, 2);
    let parts = parts(&image);
    let config = format!("{}.json", Digest::of(&parts.config).hex());
    // One layer is found through a symbolic link, as docker wrote layers that two images share.
    let manifest = manifest(&config, &["app:1", "app:2"], &["a/layer.tar", "b/layer.tar"]);
    let path = world.archive(
        "app.tar",
        &[
            ("a/VERSION", Member::File(b"1.0")),
            ("a/layer.tar", Member::Link("../c/layer.tar")),
            ("b/layer.tar", Member::File(&parts.layers[1])),
            ("c/layer.tar", Member::File(&parts.layers[0])),
            (&config, Member::File(&parts.config)),
            ("manifest.json", Member::File(manifest.as_bytes())),
            ("repositories", Member::File(b"{}")),
        ],
    );
    assert_eq!(world.done(&["load", "-i", text(&path)]), "Loaded image: app:1\nLoaded image: app:2\n");
    world.check();
    assert_eq!(image::find(&world.store(), "app:2", None).unwrap().id.to_string(), id(&image));
}

#[test]
fn archives_from_before_manifests() {
    let world = World::new();
    let layers = parts(&random_image(2, 2)).layers;
    let base = r#"{"id":"base","created":"2014-01-01T00:00:00Z","container_config":{"Cmd":["/bin/sh","-c","ADD x"]},
        "architecture":"amd64","os":"linux","Size":1}"#;
    let app = r#"{"id":"app","parent":"base","created":"2014-01-02T00:00:00Z","author":"me","comment":"mine",
        "container_config":{"Cmd":["/bin/sh","-c","make"]},"config":{"Cmd":["run"],"Env":["A=b"]},
        "architecture":"amd64","os":"linux","docker_version":"0.9","Size":7}"#;
    let path = world.archive(
        "old.tar",
        &[
            ("base/VERSION", Member::File(b"1.0")),
            ("base/json", Member::File(base.as_bytes())),
            ("base/layer.tar", Member::File(&layers[0])),
            ("app/json", Member::File(app.as_bytes())),
            ("app/layer.tar", Member::File(&layers[1])),
            ("repositories", Member::File(br#"{"me/old":{"1":"app","latest":"app"},"me/base":{"0":"base"}}"#)),
        ],
    );
    let said = world.done(&["load", "-i", text(&path)]);
    assert_eq!(said, "Loaded image: me/old:1\nLoaded image: me/old:latest\nLoaded image: me/base:0\n");
    world.check();
    let found = image::find(&world.store(), "me/old", None).unwrap();
    assert_eq!(
        found.config.rootfs.diff_ids.iter().map(|id| id.0).collect::<Vec<_>>(),
        layers.iter().map(|layer| Digest::of(layer)).collect::<Vec<_>>()
    );
    let steps: Vec<&str> = found.config.history.iter().map(|step| step.created_by.as_str()).collect();
    assert_eq!(steps, ["/bin/sh -c ADD x", "/bin/sh -c make"]);
    let ImageConfig { config, extra, .. } = found.config;
    assert_eq!((config.cmd, config.env), (Some(vec!["run".to_owned()]), vec!["A=b".to_owned()]));
    assert!(!extra.contains_key("id") && !extra.contains_key("Size"), "{extra:?}");
    assert_eq!(extra["docker_version"], "0.9");
}

#[test]
fn every_compression_of_archives_and_of_their_layers() {
    let image = random_image(3, 1);
    let parts = parts(&image);
    for program in ["gzip", "zstd", "bzip2", "xz"] {
        let world = World::new();
        fs::write(world.path("layer.tar"), &parts.layers[0]).unwrap();
        let Some(layer) = packed(program, &world.path("layer.tar")) else { continue };
        let manifest = manifest("config.json", &["app:1"], &["layer.tar"]);
        let path = world.archive(
            "app.tar",
            &[
                ("layer.tar", Member::File(&layer)),
                ("config.json", Member::File(&parts.config)),
                ("manifest.json", Member::File(manifest.as_bytes())),
            ],
        );
        let whole = packed(program, &path).unwrap();
        fs::write(&path, whole).unwrap();
        assert_eq!(world.done(&["load", "-i", text(&path)]), "Loaded image: app:1\n");
        world.check();
        let found = image::find(&world.store(), "app:1", None).unwrap();
        assert_eq!(found.id.to_string(), id(&image), "{program}");
    }
}

#[test]
fn directories_of_dir() {
    let world = World::new();
    let image = two_platforms(4);
    let layout = world.layout("layout", &[&image], vec![named(&image, "app:1")]);
    let (from, to) = (format!("oci:{}", text(&layout)), world.path("dir"));
    let to = text(&to);
    if tool("skopeo", &["copy", "-q", "--insecure-policy", "--all", &from, &format!("dir:{to}")]).is_none() {
        return;
    }
    let said = world.done(&["load", "-i", to]);
    assert_eq!(said.lines().filter(|line| line.starts_with("Loaded image ID: sha256:")).count(), 2, "{said}");
    world.check();
    let blob = world.store().blob_path(&image.descriptor.digest);
    assert_eq!(fs::read(blob).unwrap(), image.blobs[&image.descriptor.digest]);
    let said = world.done(&["load", "-i", to, "--platform", "linux/s390x"]);
    assert_eq!(said.lines().count(), 1, "{said}");
    let single = compressed(&random_image(5, 2), Format::Gzip);
    let layout = world.layout("single", &[&single], vec![named(&single, "app:2")]);
    let (from, to) = (format!("oci:{}", text(&layout)), world.path("dir2"));
    let to = text(&to);
    tool("skopeo", &["copy", "-q", "--insecure-policy", &from, &format!("dir:{to}")]);
    assert_eq!(world.done(&["load", "-i", to]), format!("Loaded image ID: {}\n", id(&single)));
    world.check();
}

#[test]
fn several_images_and_an_index_in_one_layout() {
    let world = World::new();
    let (a, b, multi) = (random_image(6, 1), compressed(&random_image(7, 2), Format::Zstd), two_platforms(8));
    let entries = vec![named(&a, "a:1"), named(&b, "b:1"), named(&a, "localhost:5000/a:2"), named(&multi, "m:1")];
    let layout = world.layout("several", &[&a, &b, &multi], entries);
    let said = world.done(&["load", "-i", text(&layout)]);
    let expected = ["a:1", "localhost:5000/a:2", "b:1", "m:1"].map(|name| format!("Loaded image: {name}\n"));
    assert_eq!(said, expected.concat());
    assert_eq!(world.digest("m:1"), multi.descriptor.digest);
    assert_eq!(world.digest("b:1"), b.descriptor.digest);
    world.check();
}

#[test]
fn the_image_of_one_platform_of_two_names_alike() {
    let world = World::new();
    let native = for_platform(&random_image(9, 1), "linux/amd64");
    let other = for_platform(&random_image(10, 1), "linux/s390x");
    let layout = world.layout("alike", &[&native, &other], vec![named(&native, "x:1"), named(&other, "x:1")]);
    assert_eq!(world.done(&["load", "-i", text(&layout), "--platform", "linux/s390x"]), "Loaded image: x:1\n");
    assert_eq!(world.digest("x:1"), other.descriptor.digest);
}

//! `rbuild save` in each of its forms: the same bytes each time, the same digests everywhere, and other programs read it.

use crate::world::{World, compressed, id, named, text, tool, two_platforms};
use rbuild_oci::testing::{TestImage, random_image};
use rbuild_oci::{Descriptor, Digest, Index, Manifest};
use rbuild_store::layer::Format;
use std::fs;
use std::path::Path;

/// A store with images of every kind: `plain:1`, `gzip:1` (also `gzip:2`), `zstd:1`, `multi:1`.
fn stocked() -> (World, [TestImage; 4]) {
    let world = World::new();
    let images = [
        random_image(1, 2),
        compressed(&random_image(2, 3), Format::Gzip),
        compressed(&random_image(3, 1), Format::Zstd),
        two_platforms(4),
    ];
    let [plain, gzip, zstd, multi] = &images;
    let entries = vec![
        named(plain, "plain:1"),
        named(gzip, "gzip:1"),
        named(gzip, "gzip:2"),
        named(zstd, "zstd:1"),
        named(multi, "multi:1"),
    ];
    let layout = world.layout("stock", &[plain, gzip, zstd, multi], entries);
    world.done(&["load", "-i", text(&layout)]);
    (world, images)
}

const ALL: [&str; 5] = ["plain:1", "gzip:1", "gzip:2", "zstd:1", "multi:1"];

#[test]
fn what_is_saved_loads_as_it_was_in_every_form() {
    let (world, _) = stocked();
    for format in ["docker-archive", "oci-archive", "oci-dir"] {
        let path = world.path(format);
        let arguments = [&["save", "--format", format, "-o", text(&path)][..], &ALL].concat();
        assert_eq!(world.done(&arguments), "");
        let other = World::new();
        let said = other.done(&["load", "-i", text(&path)]);
        for name in ALL {
            assert!(said.contains(&format!("Loaded image: {name}\n")), "{format}: {said}");
            assert_eq!(other.digest(name), world.digest(name), "{format} {name}");
        }
        other.check();
    }
    for name in ALL {
        let path = world.path(&format!("dir-{}", name.replace(':', "-")));
        world.done(&["save", "--format", "docker-dir", "-o", text(&path), name]);
        let other = World::new();
        other.done(&["load", "-i", text(&path)]);
        assert!(other.store().blob_path(&world.digest(name)).exists(), "{name}");
        other.check();
    }
}

#[test]
fn the_same_images_give_the_same_bytes() {
    let (world, _) = stocked();
    let save = |name: &str, more: &[&str]| {
        let path = world.path(name);
        world.done(&[&["save", "-o", text(&path)], more, &ALL].concat());
        fs::read(&path).unwrap()
    };
    assert!(save("a", &[]) == save("b", &[]));
    assert!(save("a", &["--format=oci-archive"]) == save("b", &["--format=oci-archive"]));
    let output = world.rbuild(&[&["save"][..], &ALL].concat());
    assert!(output.status.success() && output.stdout == save("a", &[]), "standard output has the same");
}

#[test]
fn one_platform_of_several_and_images_by_id() {
    let (world, [plain, _, _, multi]) = stocked();
    let path = world.path("one.tar");
    world.done(&["save", "-o", text(&path), "--platform", "linux/s390x", "multi:1"]);
    let other = World::new();
    assert_eq!(other.done(&["load", "-i", text(&path)]), "Loaded image: multi:1\n");
    assert_ne!(other.digest("multi:1"), multi.descriptor.digest);
    other.check();
    let error = world.refused(&["save", "-o", text(&path), "--platform", "linux/riscv64", "multi:1"]);
    assert!(error.contains("linux/riscv64 not found") && error.contains("linux/s390x"), "{error}");
    world.done(&["save", "-o", text(&path), &id(&plain)[7..19]]);
    let other = World::new();
    assert_eq!(other.done(&["load", "-i", text(&path)]), format!("Loaded image ID: {}\n", id(&plain)));
    other.check();
}

#[test]
fn nothing_is_left_of_what_fails_and_what_was_there_stays() {
    let (world, [plain, ..]) = stocked();
    let path = world.path("out.tar");
    fs::write(&path, "before").unwrap();
    let error = world.refused(&["save", "-o", text(&path), "plain:1", "nope:1"]);
    assert!(error.contains("nope:1 not found"), "{error}");
    let layer = plain.blobs.keys().find(|digest| plain.blobs[digest].len() > 1500).unwrap();
    let blob = world.store().blob_path(layer);
    let mut bytes = fs::read(&blob).unwrap();
    bytes[600] ^= 1;
    fs::remove_file(&blob).unwrap();
    fs::write(&blob, bytes).unwrap();
    for format in ["docker-archive", "oci-archive"] {
        let error = world.refused(&["save", "--format", format, "-o", text(&path), "plain:1"]);
        assert!(error.contains(&layer.to_string()) && error.contains("damaged"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"before");
    }
    for format in ["oci-dir", "docker-dir"] {
        world.refused(&["save", "--format", format, "-o", text(&world.path("new")), "plain:1"]);
    }
    let names: Vec<String> = fs::read_dir(world.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !["store", "stock", "out.tar"].contains(&name.as_str()))
        .collect();
    assert_eq!(names, Vec::<String>::new());
}

#[test]
fn directories_keep_their_other_images_and_nothing_else_is_overwritten() {
    let (world, _) = stocked();
    let path = world.path("layout");
    for name in ["plain:1", "multi:1", "plain:1"] {
        world.done(&["save", "--format=oci-dir", "-o", text(&path), name]);
    }
    let other = World::new();
    assert_eq!(other.done(&["load", "-i", text(&path)]), "Loaded image: multi:1\nLoaded image: plain:1\n");
    let error = world.refused(&["save", "--format=docker-dir", "-o", text(&path), "plain:1"]);
    assert!(error.contains("holds something that is no image"), "{error}");
    let error = world.refused(&["save", "--format=docker-dir", "-o", text(&world.path("two")), "plain:1", "zstd:1"]);
    assert!(error.contains("holds one image and gets 2"), "{error}");
    let error = world.refused(&["save", "--format=oci-dir", "plain:1"]);
    assert!(error.contains("cannot go to standard output"), "{error}");
}

#[test]
fn skopeo_reads_every_form() {
    let (world, [plain, gzip, ..]) = stocked();
    for (format, transport) in
        [("docker-archive", "docker-archive"), ("oci-archive", "oci-archive"), ("oci-dir", "oci")]
    {
        for (name, image) in [("plain:1", &plain), ("gzip:1", &gzip)] {
            let path = world.path(&format!("{format}-{}", &name[..4]));
            world.done(&["save", "--format", format, "-o", text(&path), name]);
            let tag = if transport == "docker-archive" { name } else { "1" };
            let from = format!("{transport}:{}:{tag}", text(&path));
            let Some(config) = tool("skopeo", &["inspect", "--config", "--raw", &from]) else { return };
            assert_eq!(rbuild_oci::Digest::of(config.as_bytes()).to_string(), id(image), "{from}");
            let to = format!("dir:{}", text(&world.path(&format!("copied-{format}-{}", &name[..4]))));
            tool("skopeo", &["copy", "-q", "--insecure-policy", &from, &to]);
        }
    }
    let path = world.path("dir");
    world.done(&["save", "--format", "docker-dir", "-o", text(&path), "multi:1"]);
    let to = format!("oci:{}:x", text(&world.path("all")));
    tool(
        "skopeo",
        &["copy", "-q", "--insecure-policy", "--all", "--preserve-digests", &format!("dir:{}", text(&path)), &to],
    );
}

#[test]
fn podman_loads_several_images_under_their_names() {
    if !rustix::process::geteuid().is_root() {
        crate::common::skip("podman load is tried as root only");
        return;
    }
    let (world, [plain, gzip, ..]) = stocked();
    let (root, runroot) = (world.path("podman"), world.path("runroot"));
    let common = ["--root", text(&root), "--runroot", text(&runroot), "--storage-driver", "vfs"];
    let podman = |arguments: &[&str]| tool("podman", &[&common[..], arguments].concat());
    let path = world.path("images.tar");
    world.done(&["save", "-o", text(&path), "plain:1", "gzip:1", "gzip:2"]);
    let Some(said) = podman(&["load", "-q", "-i", text(&path)]) else { return };
    for (name, image) in [("plain:1", &plain), ("gzip:1", &gzip), ("gzip:2", &gzip)] {
        assert!(said.contains(name), "{said}");
        let found = podman(&["image", "inspect", "-f", "{{.Id}}", name]).unwrap();
        assert_eq!(format!("sha256:{}", found.trim()), id(image));
    }
    // And back: what podman saves.
    for format in ["docker-archive", "oci-archive", "oci-dir", "docker-dir"] {
        let path = world.path(&format!("podman-{format}"));
        podman(&["save", "-q", "--format", format, "-o", text(&path), "gzip:1"]);
        let other = World::new();
        let said = other.done(&["load", "-i", text(&path)]);
        assert!(said.starts_with("Loaded image"), "{format}: {said}");
        if !format.ends_with("docker-dir") {
            assert!(said.contains("gzip:1"), "{format}: {said}");
        }
        other.check();
    }
}

#[test]
fn umoci_unpacks_a_saved_layout() {
    if !rustix::process::geteuid().is_root() {
        crate::common::skip("umoci unpack is tried as root only");
        return;
    }
    let (world, _) = stocked();
    let path = world.path("layout");
    world.done(&["save", "--format=oci-dir", "-o", text(&path), "gzip:1"]);
    let bundle = world.path("bundle");
    let image = format!("{}:1", text(&path));
    if tool("umoci", &["unpack", "--image", &image, text(&bundle)]).is_some() {
        assert!(Path::new(&bundle).join("rootfs/file-2-0").exists());
    }
}

/// The tag, if there is one, and the digest of each entry of a layout's index.
fn entries(layout: &Path) -> Vec<(Option<String>, Digest)> {
    let index = Index::from_json(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    let tag = |entry: &Descriptor| entry.annotations.get("org.opencontainers.image.ref.name").cloned();
    index.manifests.iter().map(|entry| (tag(entry), entry.digest)).collect()
}

#[test]
fn a_layout_keeps_its_other_images_and_a_tag_means_one() {
    let (world, [plain, gzip, zstd, _]) = stocked();
    let layout = world.path("layout");
    for image in [&plain, &gzip, &plain] {
        world.done(&["save", "--format", "oci-dir", "-o", text(&layout), &id(image)]);
    }
    let both = [(None, gzip.descriptor.digest), (None, plain.descriptor.digest)];
    assert_eq!(entries(&layout), both, "images without a name do not take each other away");
    world.done(&["save", "--format", "oci-dir", "-o", text(&layout), "gzip:1", "gzip:2"]);
    world.done(&["copy", "store:zstd:1", "oci:layout:1"]);
    let tagged = [("2", &gzip), ("1", &zstd)].map(|(tag, image)| (Some(tag.to_owned()), image.descriptor.digest));
    assert_eq!(entries(&layout), [&both[..], &tagged[..]].concat(), "the tag alone took away the name with that tag");
    world.done(&["copy", "oci:layout:1", "dir:out"]);
    assert_eq!(Digest::of(&fs::read(world.path("out/manifest.json")).unwrap()), zstd.descriptor.digest);
}

#[test]
fn what_is_damaged_in_a_directory_is_written_again() {
    let (world, [plain, ..]) = stocked();
    let layer = Manifest::from_json(&plain.blobs[&plain.descriptor.digest]).unwrap().layers[1].clone();
    for (format, name) in [("oci-dir", "blobs/sha256/"), ("docker-dir", "")] {
        let arguments = ["save", "--format", format, "-o", format, "plain:1"];
        world.done(&arguments);
        let path = world.path(format).join(format!("{name}{}", layer.digest.hex()));
        fs::remove_file(&path).unwrap();
        fs::write(&path, vec![1; layer.size as usize]).unwrap();
        world.done(&arguments);
        assert_eq!(Digest::of(&fs::read(&path).unwrap()), layer.digest, "{format}");
    }
}

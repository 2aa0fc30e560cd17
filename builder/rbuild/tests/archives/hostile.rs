//! Archives and layouts that are made to deceive, or were damaged: each is a clear error, and what people and other
//! programs see of the store stays as it was.

use crate::world::{Member, World, archive, compressed, index, named, parts, text, two_platforms};
use rbuild_oci::testing::{TestImage, random_image};
use rbuild_oci::{Descriptor, Digest, Index, MediaType, to_canonical_json};
use rbuild_store::layer::Format;
use std::fs;
use std::path::Path;

/// A store with an image in it, which a load of `path` leaves as it was; what it complains of.
fn refused(world: &World, path: &Path) -> String {
    if world.store().refs().list().unwrap().is_empty() {
        let image = random_image(99, 1);
        let layout = world.layout("before", &[&image], vec![named(&image, "before:1")]);
        world.done(&["load", "-i", text(&layout)]);
    }
    let before = world.seen();
    let error = world.refused(&["load", "-i", text(path)]);
    assert_eq!(world.seen(), before, "{error}");
    assert!(
        fs::read_dir(world.store().dir(rbuild_store::Bucket::Tmp)).unwrap().next().is_none(),
        "something is left in tmp"
    );
    world.check();
    error
}

/// The members of a docker archive of an image.
fn saved(image: &TestImage, name: &str) -> Vec<(String, Vec<u8>)> {
    let parts = parts(image);
    let config = format!("{}.json", Digest::of(&parts.config).hex());
    let layers: Vec<String> = (0..parts.layers.len()).map(|number| format!("{number}/layer.tar")).collect();
    let manifest = serde_json::json!([{ "Config": config, "RepoTags": [name], "Layers": layers }]);
    let mut members: Vec<(String, Vec<u8>)> = layers.into_iter().zip(parts.layers).collect();
    members.extend([(config, parts.config), ("manifest.json".to_owned(), manifest.to_string().into_bytes())]);
    members
}

fn written(world: &World, members: &[(String, Vec<u8>)]) -> std::path::PathBuf {
    let members: Vec<_> = members.iter().map(|(name, bytes)| (name.as_str(), Member::File(bytes))).collect();
    world.archive("hostile.tar", &members)
}

#[test]
fn names_that_lead_out_of_the_archive() {
    let world = World::new();
    for name in ["../x", "a/../../x", "/../x"] {
        let path = world.archive("x.tar", &[(name, Member::File(b"x"))]);
        let error = refused(&world, &path);
        assert!(error.contains(&format!("the name {name} leads out of it")), "{error}");
    }
    for target in ["../etc/shadow", "/../../etc/shadow"] {
        let error = refused(&world, &world.archive("x.tar", &[("manifest.json", Member::Link(target))]));
        assert!(error.contains(target) && error.contains("not in it"), "{error}");
    }
    // What leads nowhere is not there, and nothing of the machine is taken in its place.
    let config = format!("{}.json", Digest::of(b"x").hex());
    for layer in ["/etc/passwd", "../../etc/passwd", "gone/layer.tar"] {
        let manifest = serde_json::json!([{ "Config": config, "Layers": [layer] }]).to_string();
        let body = r#"{"rootfs":{"type":"layers","diff_ids":["sha256:"#.to_owned() + &"0".repeat(64) + "\"]}}";
        let members = [("c.json", Member::File(body.as_bytes())), ("l", Member::Link("/etc/passwd"))];
        let manifest = manifest.replace(&config, "c.json");
        let all = [&members[..], &[("manifest.json", Member::File(manifest.as_bytes()))]].concat();
        let error = refused(&world, &world.archive("x.tar", &all));
        assert!(error.contains(&format!("{layer} not found")), "{error}");
    }
}

#[test]
fn two_files_of_one_name() {
    let world = World::new();
    let mut members = saved(&random_image(1, 2), "app:1");
    members.push(("./manifest.json".to_owned(), b"[]".to_vec()));
    let error = refused(&world, &written(&world, &members));
    assert!(error.contains("two files called manifest.json"), "{error}");
}

#[test]
fn two_images_of_one_name() {
    let world = World::new();
    let (a, b) = (random_image(1, 1), random_image(2, 1));
    let layout = world.layout("two", &[&a, &b], vec![named(&a, "app:1"), named(&b, "app:1")]);
    let error = refused(&world, &layout);
    assert!(error.contains("two images called app:1"), "{error}");
}

#[test]
fn huge_documents() {
    let world = World::new();
    let huge = vec![b' '; (16 << 20) + 1];
    for name in ["manifest.json", "index.json", "repositories", "version"] {
        let manifest = ("manifest.json", Member::File(b"[]"));
        let members = [(name, Member::File(&huge)), manifest];
        let error = refused(&world, &world.archive("x.tar", if name == "version" { &members } else { &members[..1] }));
        assert!(error.contains(name) && error.contains("more than is read"), "{error}");
    }
    let image = random_image(3, 1);
    let mut entry = named(&image, "app:1");
    entry.size = 1 << 40;
    let error = refused(&world, &world.layout("big", &[&image], vec![entry]));
    assert!(error.contains("1099511627776 bytes is more than is read"), "{error}");
}

#[test]
fn other_content_than_the_digest_says() {
    let image = compressed(&random_image(4, 2), Format::Gzip);
    for digest in image.blobs.keys() {
        // What a store has already is not read again.
        let world = World::new();
        let layout = world.layout("altered", &[&image], vec![named(&image, "app:1")]);
        let mut bytes = image.blobs[digest].clone();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(layout.join("blobs/sha256").join(digest.hex()), &bytes).unwrap();
        let error = refused(&world, &layout);
        assert!(error.contains(&digest.to_string()), "{error}");
        fs::write(layout.join("blobs/sha256").join(digest.hex()), &bytes[..last]).unwrap();
        let error = refused(&world, &layout);
        assert!(error.contains(&digest.to_string()), "{error}");
    }
    let mut members = saved(&random_image(5, 2), "app:1");
    for number in 0..3 {
        members[number].1[200] ^= 1;
        let world = World::new();
        let error = refused(&world, &written(&world, &members));
        assert!(error.contains("digest"), "{number}: {error}");
        members[number].1[200] ^= 1;
    }
}

#[test]
fn an_archive_that_was_cut_off() {
    let world = World::new();
    let image = random_image(6, 2);
    let members = saved(&image, "app:1");
    let whole = archive(&members.iter().map(|(name, bytes)| (name.as_str(), Member::File(bytes))).collect::<Vec<_>>());
    let path = world.path("cut.tar");
    for end in [700, 1024, 1536, 3000, whole.len() - 1600, whole.len() - 1500] {
        fs::write(&path, &whole[..end]).unwrap();
        let error = refused(&world, &path);
        assert!(["cut off", "no manifest.json", "read the archive"].iter().any(|part| error.contains(part)), "{error}");
    }
    for program in ["gzip", "zstd", "bzip2", "xz"] {
        fs::write(&path, &whole).unwrap();
        let Some(packed) = packed(program, &path) else { continue };
        fs::write(&path, &packed[..packed.len() - 20]).unwrap();
        let error = refused(&world, &path);
        assert!(error.contains("cut.tar"), "{error}");
    }
}

/// A file compressed by another program.
pub(crate) fn packed(program: &str, path: &Path) -> Option<Vec<u8>> {
    match std::process::Command::new(program).arg("-c").arg(path).output() {
        Ok(output) if output.status.success() => Some(output.stdout),
        _ => {
            crate::common::skip(&format!("{program} is not installed"));
            None
        }
    }
}

#[test]
fn indexes_that_lead_to_themselves_or_nowhere() {
    let world = World::new();
    let image = two_platforms(7);
    // An index cannot name its own digest: what claims to is found out by it.
    let own = Digest::of(b"an index in itself");
    let bytes = to_canonical_json(&Index::oci(vec![Descriptor::new(MediaType::OCI_INDEX, own, 300)])).unwrap();
    let entry = Descriptor::new(MediaType::OCI_INDEX, own, bytes.len() as u64);
    let layout = world.layout("cycle", &[&image], vec![entry]);
    fs::write(layout.join("blobs/sha256").join(own.hex()), bytes).unwrap();
    let error = refused(&world, &layout);
    assert!(error.contains(&own.to_string()) && error.contains("its digest is"), "{error}");
    let mut deep = image;
    for _ in 0..12 {
        deep = index(&[&deep]);
        deep.descriptor.platform = None;
    }
    let error = refused(&world, &world.layout("deep", &[&deep], vec![named(&deep, "app:1")]));
    assert!(error.contains("nested too deeply"), "{error}");
}

#[test]
fn an_index_of_indexes_of_indexes() {
    let world = World::new();
    let mut wide = random_image(8, 1);
    for _ in 0..6 {
        wide = index(&[&wide; 60]);
    }
    // Small as it is, 60 to the sixth images are listed.
    let layout = world.layout("wide", &[&wide], vec![named(&wide, "app:1")]);
    let error = refused(&world, &layout);
    assert!(error.contains("more than 10000 images are listed"), "{error}");
}

#[test]
fn parents_that_lead_in_a_circle() {
    let world = World::new();
    let layer = parts(&random_image(9, 1)).layers.remove(0);
    let json = |parent: &str| format!(r#"{{"id":"x","parent":"{parent}","architecture":"amd64","os":"linux"}}"#);
    let (a, b) = (json("b"), json("a"));
    let repositories = r#"{"app":{"1":"a"}}"#;
    let path = world.archive(
        "circle.tar",
        &[
            ("a/json", Member::File(a.as_bytes())),
            ("a/layer.tar", Member::File(&layer)),
            ("b/json", Member::File(b.as_bytes())),
            ("b/layer.tar", Member::Link("../a/layer.tar")),
            ("repositories", Member::File(repositories.as_bytes())),
        ],
    );
    let error = refused(&world, &path);
    assert!(error.contains("among its own parents"), "{error}");
    let path = world.archive("lost.tar", &[("repositories", Member::File(br#"{"app":{"1":"../a"}}"#))]);
    let error = refused(&world, &path);
    assert!(error.contains("../a/json not found"), "{error}");
}

#[test]
fn a_pipe_in_place_of_a_file() {
    let world = World::new();
    let image = random_image(10, 1);
    let layout = world.layout("pipe", &[&image], vec![named(&image, "app:1")]);
    let manifest = layout.join("blobs/sha256").join(image.descriptor.digest.hex());
    fs::remove_file(&manifest).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &manifest,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let error = refused(&world, &layout);
    assert!(error.contains("which has nothing"), "{error}");
}

/// An index of images, which is said to be a statement about one.
fn statement(images: &[&TestImage]) -> TestImage {
    let mut image = index(images);
    let kind = ("vnd.docker.reference.type".to_owned(), "attestation-manifest".to_owned());
    image.descriptor.annotations.extend([kind]);
    image
}

#[test]
fn indexes_in_place_of_statements() {
    let world = World::new();
    let image = random_image(11, 1);
    let mut deep = statement(&[]);
    for _ in 0..12 {
        deep = statement(&[&deep]);
    }
    let top = index(&[&image, &deep]);
    let error = refused(&world, &world.layout("deep", &[&top], vec![named(&top, "app:1")]));
    assert!(error.contains("nested too deeply"), "{error}");

    let long = statement(&vec![&random_image(12, 1); 10_001]);
    let top = index(&[&image, &long]);
    let error = refused(&world, &world.layout("long", &[&top], vec![named(&top, "app:1")]));
    assert!(error.contains("more than 10000 entries"), "{error}");

    let mut wide = statement(&[&random_image(12, 1)]);
    for _ in 0..5 {
        wide = statement(&[&wide; 60]);
    }
    let top = index(&[&image, &wide]);
    let layout = world.layout("wide", &[&top], vec![named(&top, "app:1")]);
    // Each document is read once, however often it is listed.
    let run = std::process::Command::new("timeout")
        .args(["20", env!("CARGO_BIN_EXE_rbuild"), "load", "-i", text(&layout)])
        .env("RBUILD_ROOT", world.root())
        .output()
        .unwrap();
    assert!(run.status.success(), "{:?}: {}", run.status, String::from_utf8_lossy(&run.stderr));
    assert_eq!(world.digest("app:1"), top.descriptor.digest);
}

/// A docker archive whose list has an image with these layers and that configuration so often, each time by another name.
fn listed(count: usize, config: &str, layers: &[&str]) -> Vec<u8> {
    let item =
        |number| serde_json::json!({ "Config": config, "RepoTags": [format!("app:{number}")], "Layers": layers });
    serde_json::Value::from((0..count).map(item).collect::<Vec<_>>()).to_string().into_bytes()
}

#[test]
fn an_image_that_is_listed_without_end() {
    let world = World::new();
    let parts = parts(&random_image(13, 1));
    let members = |count| {
        let list = listed(count, "c.json", &["l"]);
        [("c.json", parts.config.clone()), ("l", parts.layers[0].clone()), ("manifest.json", list)]
            .map(|(name, bytes)| (name.to_owned(), bytes))
    };
    let error = refused(&world, &written(&world, &members(10_001)));
    assert!(error.contains("more than 10000 images"), "{error}");
    assert_eq!(world.done(&["load", "-i", text(&written(&world, &members(20)))]).lines().count(), 20);
}

#[test]
fn a_large_configuration_that_is_named_often() {
    let world = World::new();
    let mut config: serde_json::Value = serde_json::from_slice(&parts(&random_image(14, 1)).config).unwrap();
    config["author"] = " ".repeat(1 << 20).into();
    let config = config.to_string().into_bytes();
    let names: Vec<String> = (0..1000).map(|number| format!("{number}.tar")).collect();
    let item = |name: &String| serde_json::json!({ "Config": "c.json", "Layers": [name] });
    let list = serde_json::Value::from(names.iter().map(item).collect::<Vec<_>>()).to_string();
    let mut members = vec![("c.json", Member::File(&config)), ("manifest.json", Member::File(list.as_bytes()))];
    members.extend(names.iter().map(|name| (name.as_str(), Member::File(b"plain"))));
    let error = refused(&world, &world.archive("often.tar", &members));
    assert!(error.contains("its documents have more than"), "{error}");
}

#[test]
fn hashing_a_large_layer_can_be_stopped() {
    let world = World::new();
    let parts = parts(&random_image(15, 1));
    let place = world.path("large");
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("c.json"), &parts.config).unwrap();
    fs::write(place.join("manifest.json"), listed(1, "c.json", &["l"])).unwrap();
    fs::write(place.join("l"), b"\x1f\x8b\x08").unwrap();
    fs::OpenOptions::new().write(true).open(place.join("l")).unwrap().set_len(64 << 30).unwrap();
    let mut run = std::process::Command::new("timeout");
    run.args(["--signal=INT", "1", env!("CARGO_BIN_EXE_rbuild"), "load", "-i", text(&place)]);
    let begin = std::time::Instant::now();
    let output = run.env("RBUILD_ROOT", world.root()).output().unwrap();
    assert!(begin.elapsed() < std::time::Duration::from_secs(5), "{:?}: {output:?}", begin.elapsed());
    assert!(!output.status.success());
}

//! Layouts and archives of images: their documents, their bytes, what is kept between exports.

use super::fixture::{World, blob, file, manifests, slices, small, untar, wrong};
use crate::request::{Compression, Output, OutputKind};
use rbuild_oci::{Digest, Index, Manifest, MediaType};
use rbuild_store::Bucket;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const TAGS: [&str; 2] = ["app:1", "registry.example:5000/team/app"];

fn compressions() -> [Compression; 3] {
    [Compression::Uncompressed, Compression::Gzip, Compression::Zstd]
}

#[test]
fn every_compression_gives_a_valid_image_and_the_same_bytes_twice() {
    let world = World::new();
    let images = [world.image("linux/amd64", &slices(&small()))];
    for (compression, media_type) in
        compressions().into_iter().zip([MediaType::OCI_LAYER, MediaType::OCI_LAYER_GZIP, MediaType::OCI_LAYER_ZSTD])
    {
        let mut output = Output { compression, ..world.output(OutputKind::Oci, "first.tar") };
        world.export(&images, &TAGS, &output).unwrap();
        let files = untar(&output.dest);
        assert_eq!(wrong(&files), Vec::<String>::new());
        let manifest = Manifest::from_json(&blob(&files, &manifests(&files)[0].digest)).unwrap();
        assert_eq!(manifest.layers[0].media_type.as_str(), media_type);
        assert_eq!(manifest.config.digest, *images[0].0.id.digest());
        let first = std::fs::read(&output.dest).unwrap();
        output.dest = world.path("second.tar");
        world.export(&images, &TAGS, &output).unwrap();
        assert!(first == std::fs::read(&output.dest).unwrap(), "{compression:?}");
    }
}

#[test]
fn an_uncompressed_image_is_the_one_in_the_store() {
    let world = World::new();
    let images = [world.image("linux/amd64", &slices(&small()))];
    let output = Output { compression: Compression::Uncompressed, ..world.output(OutputKind::Oci, "image.tar") };
    world.export(&images, &[], &output).unwrap();
    let entry = manifests(&untar(&output.dest)).remove(0);
    assert_eq!(entry.digest, images[0].0.manifest.digest);
    assert_eq!(entry.annotations.keys().collect::<Vec<_>>(), ["org.opencontainers.image.created"]);
    assert_eq!(entry.platform, images[0].0.manifest.platform);
}

#[test]
fn each_name_is_an_entry_as_containerd_writes_it() {
    let world = World::new();
    let images = [world.image("linux/amd64", &slices(&small()))];
    let output = world.output(OutputKind::Oci, "image.tar");
    world.export(&images, &TAGS, &output).unwrap();
    let entries = manifests(&untar(&output.dest));
    let names: Vec<(&str, &str)> = entries
        .iter()
        .map(|entry| {
            let annotation = |key: &str| entry.annotations[key].as_str();
            (annotation("io.containerd.image.name"), annotation("org.opencontainers.image.ref.name"))
        })
        .collect();
    assert_eq!(names, [("docker.io/library/app:1", "1"), ("registry.example:5000/team/app:latest", "latest")]);
    assert_eq!(entries[0].digest, entries[1].digest);
}

#[test]
fn a_second_export_compresses_nothing() {
    let world = World::new();
    let images = [world.image("linux/amd64", &slices(&small()))];
    let inodes = || -> BTreeMap<String, u64> {
        let list = std::fs::read_dir(world.store.dir(Bucket::Encoded)).unwrap().map(Result::unwrap);
        list.map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().ino())).collect()
    };
    world.export(&images, &[], &world.output(OutputKind::Oci, "a.tar")).unwrap();
    assert_eq!(world.said.take(), ["compressing 2 layers"]);
    let before = inodes();
    assert_eq!(before.len(), 4, "two layers and their descriptors: {before:?}");
    world.export(&images, &[], &world.output(OutputKind::Docker, "b.tar")).unwrap();
    assert_eq!(inodes(), before);
    assert_eq!(world.said.take(), [""; 0]);
    world.export(&images, &[], &Output { level: Some(1), ..world.output(OutputKind::Oci, "c.tar") }).unwrap();
    assert_eq!(inodes().len(), 8);
}

#[test]
fn a_damaged_compressed_layer_is_found_and_made_again() {
    let world = World::new();
    let images = [world.image("linux/amd64", &slices(&small()))];
    let output = world.output(OutputKind::Oci, "image.tar");
    world.export(&images, &[], &output).unwrap();
    let whole = std::fs::read(&output.dest).unwrap();
    let list = std::fs::read_dir(world.store.dir(Bucket::Encoded)).unwrap().map(|entry| entry.unwrap().path());
    let victim = list.into_iter().find(|path| path.extension().unwrap() != "json").unwrap();
    let mut bytes = std::fs::read(&victim).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&victim, bytes).unwrap();
    let error = world.export(&images, &[], &output).unwrap_err().to_string();
    assert!(error.contains("damaged") && error.contains("made again"), "{error}");
    assert!(std::fs::read(&output.dest).unwrap() == whole, "the archive that was there stays");
    world.export(&images, &[], &output).unwrap();
    assert!(std::fs::read(&output.dest).unwrap() == whole);
}

#[test]
fn dockers_media_types_are_used_throughout() {
    let world = World::new();
    let images = [world.image("linux/amd64", &slices(&small()))];
    let output = Output { oci_media_types: false, ..world.output(OutputKind::Oci, "image.tar") };
    world.export(&images, &[], &output).unwrap();
    let files = untar(&output.dest);
    let entry = manifests(&files).remove(0);
    let manifest = Manifest::from_json(&blob(&files, &entry.digest)).unwrap();
    let found = [Some(&entry.media_type), manifest.media_type.as_ref(), Some(&manifest.config.media_type)];
    let expected = [MediaType::DOCKER_MANIFEST, MediaType::DOCKER_MANIFEST, MediaType::DOCKER_CONFIG];
    assert_eq!(found.map(|found| found.unwrap().as_str()), expected);
    assert!(manifest.layers.iter().all(|layer| layer.media_type.as_str() == MediaType::DOCKER_LAYER_GZIP));
    assert_eq!(wrong(&files), Vec::<String>::new());
}

#[test]
fn several_platforms_are_an_index_that_the_index_names() {
    let world = World::new();
    let other = vec![vec![file("arm", "v7")]];
    let images = [world.image("linux/amd64", &slices(&small())), world.image("linux/arm/v7", &slices(&other))];
    let output = world.output(OutputKind::Oci, "image.tar");
    world.export(&images, &["app:1"], &output).unwrap();
    let files = untar(&output.dest);
    let top = Index::from_json(&files["index.json"]).unwrap();
    assert_eq!(top.manifests.len(), 1);
    assert_eq!(top.manifests[0].media_type.as_str(), MediaType::OCI_INDEX);
    let platforms: Vec<String> =
        manifests(&files).iter().map(|manifest| manifest.platform.as_ref().unwrap().to_string()).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm/v7"]);
    assert_eq!(wrong(&files), Vec::<String>::new());
}

#[test]
fn dockers_archive_names_configuration_layers_and_tags() {
    let world = World::new();
    let twice = vec![vec![file("f", "x")], vec![file("f", "x")]];
    let images = [world.image("linux/amd64", &slices(&twice))];
    let output = world.output(OutputKind::Docker, "image.tar");
    world.export(&images, &TAGS, &output).unwrap();
    let files = untar(&output.dest);
    let list: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    assert_eq!(list[0]["RepoTags"], serde_json::json!(["app:1", "registry.example:5000/team/app:latest"]));
    assert_eq!(files[list[0]["Config"].as_str().unwrap()], images[0].0.config_bytes);
    assert_eq!(list[0]["Layers"].as_array().unwrap().len(), 2);
    assert_eq!(wrong(&files), Vec::<String>::new());
}

#[test]
fn a_directory_keeps_its_other_images() {
    let world = World::new();
    let first = [world.image("linux/amd64", &slices(&small()))];
    let second = [world.image("linux/amd64", &slices(&[vec![file("other", "image")]]))];
    let output = Output { tar: false, ..world.output(OutputKind::Oci, "layout") };
    world.export(&first, &["app:1"], &output).unwrap();
    world.export(&second, &["app:2"], &output).unwrap();
    world.export(&second, &["app:1"], &output).unwrap();
    world.export(&first, &[], &output).unwrap();
    world.export(&second, &[], &output).unwrap();
    let files = tree(&output.dest);
    let entries = manifests(&files);
    let [second, .., first, third] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!(entries.len(), 4, "one for each name, and each image without one");
    assert!(entries[1].digest == second.digest && third.digest == second.digest && first.digest != second.digest);
    assert_eq!(wrong(&files), Vec::<String>::new());
    assert!(files.keys().all(|name| !name.contains(".rbuild")), "{:?}", files.keys());
}

/// The files of a directory by name.
fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut ahead = vec![root.to_owned()];
    while let Some(directory) = ahead.pop() {
        for entry in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                ahead.push(entry);
                continue;
            }
            let name = entry.strip_prefix(root).unwrap().display().to_string();
            found.insert(name, std::fs::read(&entry).unwrap());
        }
    }
    found
}

#[test]
fn the_blob_a_layer_came_in_is_handed_on() {
    let world = World::new();
    let (image, stack) = world.image("linux/amd64", &slices(&small()));
    let output = world.output(OutputKind::Oci, "made.tar");
    world.export(&[(image.clone(), stack.clone())], &[], &Output { level: Some(9), ..output.clone() }).unwrap();
    let files = untar(&output.dest);
    let manifest = Manifest::from_json(&blob(&files, &manifests(&files)[0].digest)).unwrap();
    for (storey, descriptor) in stack.storeys().iter().zip(&manifest.layers) {
        std::fs::write(world.store.blob_path(&descriptor.digest), blob(&files, &descriptor.digest)).unwrap();
        world.store.encoded().note_origin(&storey.layer.diff_id, descriptor).unwrap();
    }
    let digests = |path: &Path| -> Vec<Digest> {
        let files = untar(path);
        let manifest = Manifest::from_json(&blob(&files, &manifests(&files)[0].digest)).unwrap();
        manifest.layers.iter().map(|layer| layer.digest).collect()
    };
    let came: Vec<Digest> = manifest.layers.iter().map(|layer| layer.digest).collect();
    let images = [(image, stack)];
    world.export(&images, &[], &output).unwrap();
    assert_eq!(digests(&output.dest), came);
    let other = Output { compression: Compression::Zstd, ..output.clone() };
    world.export(&images, &[], &other).unwrap();
    assert_eq!(digests(&output.dest), came, "as it came, unless forced");
    for changed in [Output { level: Some(1), ..output.clone() }, other] {
        world.export(&images, &[], &Output { force: true, ..changed }).unwrap();
        assert_ne!(digests(&output.dest), came);
    }
    world.export(&images, &[], &Output { force: true, ..output.clone() }).unwrap();
    assert_eq!(digests(&output.dest), came, "what is compressed so already stays");
}

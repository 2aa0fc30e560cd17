//! Manifests, indexes and configurations that are wrong or meant to harm: each is refused by name before any layer is
//! fetched, and the store stays as it was, byte for byte.

use crate::world::{World, manifest};
use rbuild_oci::testing::TestImage;
use rbuild_oci::{Descriptor, Digest, ImageConfig, Index, Manifest, MediaType, to_canonical_json};
use serde_json::{Value, json};

/// Pulls what `team/app:bad` is; the error. The store must be as it was, and no layer asked for.
fn refused(world: &World) -> String {
    let before = world.files();
    let error = world.pull("team/app:bad").unwrap_err().to_string();
    assert_eq!(world.files(), before, "{error}");
    assert!(world.asked().len() <= 1, "more than the configuration was fetched: {error}");
    error
}

/// Puts a document in the registry, of that type, as `team/app:bad`.
fn put(world: &World, media_type: &str, bytes: Vec<u8>) -> Descriptor {
    let descriptor = Descriptor::of(media_type, &bytes);
    world.registry.put_manifest("team/app", "bad", &descriptor, bytes);
    descriptor
}

/// The manifest of a good image, changed.
fn with_manifest(change: &dyn Fn(&mut Value)) -> String {
    let (world, image) = World::with_image();
    let mut value: Value = serde_json::from_slice(&image.blobs[&image.descriptor.digest]).unwrap();
    change(&mut value);
    put(&world, MediaType::OCI_MANIFEST, serde_json::to_vec(&value).unwrap());
    refused(&world)
}

/// A good image with another configuration.
fn with_config(config: Vec<u8>) -> String {
    let (world, image) = World::with_image();
    let config_descriptor = Descriptor::of(MediaType::OCI_CONFIG, &config);
    world.registry.put_blob("team/app", config);
    let other = Manifest { config: config_descriptor, ..manifest(&image) };
    put(&world, MediaType::OCI_MANIFEST, to_canonical_json(&other).unwrap());
    refused(&world)
}

fn config_of(image: &TestImage) -> ImageConfig {
    ImageConfig::from_json(&image.blobs[&manifest(image).config.digest]).unwrap()
}

#[test]
fn values_of_a_manifest_that_make_no_sense() {
    let set = |path: &'static str, to: Value| move |value: &mut Value| *value.pointer_mut(path).unwrap() = to.clone();
    for (path, to, said) in [
        ("/layers/0/size", json!(-1), "invalid value: integer `-1`"),
        ("/layers/0/size", json!(1e300), "invalid"),
        ("/layers/0/size", json!("5"), "invalid type: string"),
        ("/layers/0/digest", json!("sha256:../../../../etc/passwd"), "digest"),
        ("/layers/0/digest", json!("sha256:00"), "digest"),
        ("/layers", json!({}), "invalid type: map"),
        ("/config", json!(null), "invalid type: null"),
        ("/config/size", json!(u64::MAX), "is more than is read"),
        ("/mediaType", json!(MediaType::OCI_INDEX), "which is not supported"),
        ("/config/mediaType", json!("application/vnd.cncf.helm.config.v1+json"), "it is no container image"),
        ("/layers/1/mediaType", json!("application/x-other"), "is of the unknown type application/x-other"),
        ("/layers/1/mediaType", json!("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"), "is foreign"),
        ("/layers/1/mediaType", json!("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"), "is foreign"),
    ] {
        let error = with_manifest(&set(path, to.clone()));
        assert!(error.contains(said) && error.contains("sha256:"), "{path} = {to}: {error}");
    }
}

#[test]
fn a_manifest_that_could_be_an_index() {
    let error = with_manifest(&|value| value["manifests"] = json!([]));
    assert!(error.contains("either manifests, or a configuration and layers"), "{error}");
    let (world, image) = World::with_image();
    let mut index = serde_json::to_value(Index::oci(vec![image.descriptor])).unwrap();
    index["layers"] = json!([]);
    put(&world, MediaType::OCI_INDEX, serde_json::to_vec(&index).unwrap());
    let error = refused(&world);
    assert!(error.contains("either manifests, or a configuration and layers"), "{error}");
}

#[test]
fn keys_that_come_twice_and_text_that_is_no_json() {
    let (world, image) = World::with_image();
    let good = String::from_utf8(image.blobs[&image.descriptor.digest].clone()).unwrap();
    let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat();
    let nested = good.replacen('{', &format!("{{\"annotations\":{deep},"), 1);
    for (text, said) in [
        (good.replacen("\"layers\":", "\"layers\":[],\"layers\":", 1), "duplicate field `layers`"),
        (good.replacen("\"size\":", "\"size\":1,\"size\":", 1), "duplicate field `size`"),
        (good[..good.len() / 2].to_owned(), "EOF"),
        ("[".repeat(1 << 20), "invalid image manifest"),
        (nested, "invalid image manifest"),
        (String::new(), "EOF"),
        ("\u{feff}{}".to_owned(), "expected value"),
    ] {
        put(&world, MediaType::OCI_MANIFEST, text.into_bytes());
        let error = refused(&world);
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_document_that_is_too_large() {
    let (world, _) = World::with_image();
    put(&world, MediaType::OCI_MANIFEST, vec![b' '; (4 << 20) + 1]);
    let error = refused(&world);
    assert!(error.contains("is larger than 4194304 bytes"), "{error}");
}

#[test]
fn a_configuration_that_is_none() {
    let (_, image) = World::with_image();
    let mut fewer = config_of(&image);
    fewer.rootfs.diff_ids.pop();
    let mut more = config_of(&image);
    more.rootfs.diff_ids.push(more.rootfs.diff_ids[0]);
    for (config, said) in [
        (b"not json".to_vec(), "invalid image configuration"),
        (b"{}".to_vec(), "missing field `rootfs`"),
        (br#"{"rootfs":{"type":"layers","diff_ids":[]}}"#.to_vec(), "3 layers and its configuration 0"),
        (br#"{"rootfs":{"type":"layers","diff_ids":["md5:1"]}}"#.to_vec(), "digest"),
        (to_canonical_json(&fewer).unwrap(), "3 layers and its configuration 2"),
        (to_canonical_json(&more).unwrap(), "3 layers and its configuration 4"),
    ] {
        let error = with_config(config);
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn indexes_in_circles_and_without_end() {
    let (world, _) = World::with_image();
    // A circle cannot have right digests; that is what gives it away.
    let own = Descriptor::new(MediaType::OCI_INDEX, Digest::of(b"circle"), 0);
    let bytes = to_canonical_json(&Index::oci(vec![own.clone()])).unwrap();
    let own = Descriptor { size: bytes.len() as u64, ..own };
    world.registry.put_manifest("team/app", "bad", &own, bytes);
    let error = refused(&world);
    assert!(error.contains("sent other content"), "{error}");

    let (world, image) = World::with_image();
    let mut top = image.descriptor;
    for _ in 0..20 {
        top = put(&world, MediaType::OCI_INDEX, to_canonical_json(&Index::oci(vec![top])).unwrap());
    }
    let error = refused(&world);
    assert!(error.contains("nested too deeply"), "{error}");
}

#[test]
fn indexes_without_an_image_and_that_lie_about_one() {
    let (world, image) = World::with_image();
    put(&world, MediaType::OCI_INDEX, to_canonical_json(&Index::oci(Vec::new())).unwrap());
    let error = refused(&world);
    assert!(error.contains("has no image for") && error.contains("it has none"), "{error}");

    let as_index = Descriptor { media_type: MediaType::OCI_INDEX.into(), ..image.descriptor.clone() };
    put(&world, MediaType::OCI_INDEX, to_canonical_json(&Index::oci(vec![as_index])).unwrap());
    let error = refused(&world);
    assert!(error.contains("invalid") || error.contains("media type"), "{error}");

    for size in [image.descriptor.size + 1, image.descriptor.size - 1, 0, 5 << 20, u64::MAX] {
        let lying = Descriptor { size, ..image.descriptor.clone() };
        put(&world, MediaType::OCI_INDEX, to_canonical_json(&Index::oci(vec![lying])).unwrap());
        let error = refused(&world);
        let said = ["its descriptor says", "is larger than", "is more than is read"];
        assert!(said.iter().any(|said| error.contains(said)), "{error}");
    }
}

#[test]
fn layers_that_are_not_what_their_descriptor_says() {
    for (change, said) in [
        (&(|layer: &mut Descriptor| layer.size += 1) as &dyn Fn(&mut Descriptor), "its descriptor says"),
        (&|layer| layer.size -= 1, "its descriptor says"),
        (&|layer| layer.size = u64::MAX, "its descriptor says"),
        (&|layer| layer.digest = Digest::of(b"absent"), "does not exist"),
    ] {
        let (world, image) = World::with_image();
        let mut other = manifest(&image);
        change(&mut other.layers[1]);
        put(&world, MediaType::OCI_MANIFEST, to_canonical_json(&other).unwrap());
        let before = world.files();
        let error = world.pull("team/app:bad").unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        world.assert_only_whole_layers_since(&before);
    }
}

#[test]
fn a_configuration_that_names_other_layers() {
    let (world, image) = World::with_image();
    let mut config = config_of(&image);
    config.rootfs.diff_ids.swap(0, 1);
    let bytes = to_canonical_json(&config).unwrap();
    let other = Manifest { config: Descriptor::of(MediaType::OCI_CONFIG, &bytes), ..manifest(&image) };
    world.registry.put_blob("team/app", bytes);
    put(&world, MediaType::OCI_MANIFEST, to_canonical_json(&other).unwrap());
    let before = world.files();
    // Also where the layers that it claims are here already.
    for round in 0..2 {
        let error = world.pull("team/app:bad").unwrap_err().to_string();
        assert!(error.contains("its tarball has the digest sha256:"), "{round}: {error}");
        if round == 0 {
            world.assert_only_whole_layers_since(&before);
            world.pull("team/app:1").unwrap();
            for layer in &manifest(&image).layers {
                std::fs::remove_file(world.store.blob_path(&layer.digest)).unwrap();
            }
        }
    }
}

#[test]
fn a_document_of_a_kind_that_is_not_known() {
    let (world, _) = World::with_image();
    put(&world, "application/vnd.docker.distribution.manifest.v1+prettyjws", br#"{"schemaVersion":1}"#.to_vec());
    let error = refused(&world);
    assert!(error.contains("application/vnd.docker.distribution.manifest.v1+prettyjws"), "{error}");
}

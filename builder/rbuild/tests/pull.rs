//! `rbuild pull` against a registry in this process, and loading what is compressed: the same image comes out, whole, as
//! it was written.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests: a panic is how they fail

use rbuild::cli::{load, pull};
use rbuild::error::Result;
use rbuild::image;
use rbuild_oci::testing::{TestImage, random_image, validate};
use rbuild_oci::{Cancel, Descriptor, Digest, Index, Manifest, MediaType, Platform, Timestamp, to_canonical_json};
use rbuild_registry::testing::Registry;
use rbuild_registry::{Client, Config};
use rbuild_store::Store;
use rbuild_store::layer::{Codec, Format, compress};
use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// The same image with compressed layers.
fn compressed(image: &TestImage, format: Format) -> TestImage {
    let mut manifest = Manifest::from_json(&image.blobs[&image.descriptor.digest]).unwrap();
    let mut blobs = BTreeMap::from([(manifest.config.digest, image.blobs[&manifest.config.digest].clone())]);
    for layer in &mut manifest.layers {
        let mut out = Vec::new();
        let codec = Codec::new(format, None).unwrap();
        *layer = compress(&mut &image.blobs[&layer.digest][..], codec, &mut out, &Cancel::new()).unwrap();
        blobs.insert(layer.digest, out);
    }
    let bytes = to_canonical_json(&manifest).unwrap();
    let descriptor = Descriptor::of(MediaType::OCI_MANIFEST, &bytes);
    blobs.insert(descriptor.digest, bytes);
    TestImage { descriptor, blobs }
}

fn store() -> (tempfile::TempDir, Store) {
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(&place.path().join("store")).unwrap();
    (place, store)
}

fn fetch(store: &Store, name: &str, platform: Option<&str>) -> Result<String> {
    let args =
        pull::PullArgs { name: name.to_owned(), platform: platform.map(str::to_owned), ..pull::PullArgs::default() };
    let (cancel, said) = (Cancel::new(), Mutex::new(String::new()));
    let say = |line: &str| {
        said.lock().unwrap().push_str(line);
        Ok(())
    };
    pull::fetch(&args, store, (&Client::new(Config::default(), &cancel), &cancel), NOW, &say)?;
    Ok(said.into_inner().unwrap())
}

/// What is wrong with a tagged image of the store.
fn wrong(store: &Store, name: &str) -> Vec<String> {
    let tag = store.refs().get(&name.parse().unwrap()).unwrap().unwrap();
    validate(&tag.descriptor, &|digest: &Digest| fs::read(store.blob_path(digest)).ok())
}

#[test]
fn a_pulled_image_is_kept_as_it_was_written() {
    let registry = Registry::start().unwrap();
    let (_place, store) = store();
    for format in [Format::Gzip, Format::Zstd] {
        let plain = random_image(1, 3);
        let image = compressed(&plain, format);
        registry.put_image("me/app", "1", &image);
        let name = format!("{}/me/app:1", registry.host());
        let said = fetch(&store, &name, None).unwrap();
        let (first, last) = (said.lines().next().unwrap(), said.lines().last().unwrap());
        assert_eq!((first, last), ("1: Pulling from me/app", &*format!("Status: Downloaded newer image for {name}")));
        assert!(said.contains(&format!("Digest: {}\n", image.descriptor.digest)), "{said}");
        assert_eq!(wrong(&store, &name), Vec::<String>::new());
        let found = image::find(&store, &name, None).unwrap();
        assert_eq!(found.descriptor.digest, image.descriptor.digest);
        for layer in &found.config.rootfs.diff_ids {
            assert!(store.layers().has(layer).unwrap());
        }
        assert_eq!(image::rows(&store, &found).unwrap().len(), 3);
        let again = fetch(&store, &name, None).unwrap();
        assert!(again.contains("Status: Image is up to date"), "{again}");
    }
}

#[test]
fn an_index_gives_the_image_of_the_platform() {
    let registry = Registry::start().unwrap();
    let (_place, store) = store();
    let (native, other) = (random_image(2, 1), random_image(3, 1));
    let entry =
        |image: &TestImage, platform: Platform| Descriptor { platform: Some(platform), ..image.descriptor.clone() };
    let other_platform: Platform = "linux/s390x".parse().unwrap();
    let index = Index::oci(vec![entry(&other, other_platform), entry(&native, Platform::native())]);
    let bytes = to_canonical_json(&index).unwrap();
    let descriptor = Descriptor::of(MediaType::OCI_INDEX, &bytes);
    registry.put_image("me/multi", "native", &native);
    registry.put_image("me/multi", "other", &other);
    registry.put_manifest("me/multi", "latest", &descriptor, bytes);
    let name = format!("{}/me/multi", registry.host());
    let said = fetch(&store, &name, None).unwrap();
    assert!(said.contains(&format!("Digest: {}\n", descriptor.digest)), "{said}");
    let id = |name: &str| image::find(&store, name, None).unwrap().descriptor.digest;
    assert_eq!(id(&name), native.descriptor.digest);
    fetch(&store, &name, Some("linux/s390x")).unwrap();
    assert_eq!(id(&name), other.descriptor.digest);
    let error = fetch(&store, &name, Some("linux/riscv64")).unwrap_err().to_string();
    assert!(error.contains("riscv64") && error.contains("s390x"), "{error}");
    let error = fetch(&store, &format!("{name}:nope"), None).unwrap_err().to_string();
    assert!(error.contains("nope") && error.contains("does not exist"), "{error}");
}

#[test]
fn compressed_layouts_load_as_they_are() {
    for format in [Format::Gzip, Format::Zstd] {
        let (place, store) = store();
        let image = compressed(&random_image(4, 2), format);
        let layout = place.path().join("layout");
        fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
        let mut entry = image.descriptor.clone();
        entry.annotations.insert("org.opencontainers.image.ref.name".to_owned(), "app:1".to_owned());
        fs::write(layout.join("index.json"), to_canonical_json(&Index::oci(vec![entry])).unwrap()).unwrap();
        for (digest, bytes) in &image.blobs {
            fs::write(layout.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        }
        let args = load::LoadArgs { input: Some(layout), ..load::LoadArgs::default() };
        assert_eq!(load::load(&args, &store, &Cancel::new(), NOW).unwrap(), "Loaded image: app:1\n");
        assert_eq!(wrong(&store, "app:1"), Vec::<String>::new());
        let index = fs::read(store.root().join("index.json")).unwrap();
        assert_eq!(Index::from_json(&index).unwrap().manifests.len(), 1, "other tools see it");
    }
}

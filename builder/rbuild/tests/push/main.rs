//! `rbuild push` to a registry in this process: what was built arrives compressed, what came from elsewhere arrives as it
//! was, and what cannot arrive whole does not arrive.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests: a panic is how they fail

#[path = "../common/mod.rs"]
mod common;
mod debian;

use clap::Parser;
use rbuild::cli::{load, pull, push, tag};
use rbuild::error::{Error, Result};
use rbuild_oci::testing::{TestImage, random_image, validate};
use rbuild_oci::{Cancel, Descriptor, Digest, Index, Manifest, MediaType, Platform, Timestamp, to_canonical_json};
use rbuild_registry::testing::{Fault, Registry};
use rbuild_registry::{Client, Config, Schedule};
use rbuild_store::layer::{Codec, Format, compress};
use rbuild_store::{Bucket, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// The options of `rbuild push`.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: push::PushArgs,
}

/// A store, and a registry to push to.
struct World {
    _place: tempfile::TempDir,
    store: Store,
    registry: Registry,
}

impl World {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("store")).unwrap();
        Self { _place: place, store, registry: Registry::start().unwrap() }
    }

    fn name(&self, name: &str) -> String {
        format!("{}/{name}", self.registry.host())
    }

    /// An image of the store by that name, with layers as they are built.
    fn built(&self, seed: u64, name: &str) -> TestImage {
        let image = random_image(seed, 3);
        self.load(&image.descriptor, &image.blobs, name);
        image
    }

    /// Brings what is behind a descriptor into the store.
    fn load(&self, target: &Descriptor, blobs: &BTreeMap<Digest, Vec<u8>>, name: &str) {
        let layout = tempfile::tempdir().unwrap();
        let directory = layout.path().join("blobs/sha256");
        fs::create_dir_all(&directory).unwrap();
        for (digest, bytes) in blobs {
            fs::write(directory.join(digest.hex()), bytes).unwrap();
        }
        let mut entry = target.clone();
        entry.annotations.insert("org.opencontainers.image.ref.name".to_owned(), self.name(name));
        let index = to_canonical_json(&Index::oci(vec![entry])).unwrap();
        fs::write(layout.path().join("index.json"), index).unwrap();
        let args = load::LoadArgs { input: Some(layout.path().to_owned()), ..load::LoadArgs::default() };
        load::load(&args, &self.store, &Cancel::new(), NOW).unwrap();
    }

    /// Pushes with the options of a command line; what it said.
    fn push(&self, line: &str) -> Result<String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (name, options) = words.split_last().unwrap();
        let name = self.name(name);
        let args = Line::parse_from(["push"].iter().chain(options).copied().chain([&*name])).args;
        let (cancel, said) = (Cancel::new(), Mutex::new(String::new()));
        let retry = Schedule { attempts: 3, first: Duration::from_millis(1), longest: Duration::from_secs(1) };
        let client = Client::new(Config { retry, ..Config::default() }, &cancel);
        let say = |line: &str| {
            said.lock().unwrap().push_str(line);
            Ok(())
        };
        push::push(&args, &self.store, (&client, &cancel), &say)?;
        Ok(said.into_inner().unwrap())
    }

    /// What the registry has by that name, which is whole.
    fn pushed(&self, name: &str) -> (Descriptor, Manifest) {
        let reference = self.name(name).parse().unwrap();
        let descriptor = Client::new(Config::default(), &Cancel::new()).resolve(&reference).unwrap();
        let repository = reference.repository();
        let get = |digest: &Digest| self.registry.get(repository, digest);
        assert_eq!(validate(&descriptor, &get), Vec::<String>::new());
        let manifest = Manifest::from_json(&get(&descriptor.digest).unwrap()).unwrap();
        (descriptor, manifest)
    }

    /// Whether anything can be had from the registry's repository.
    fn has_documents(&self) -> bool {
        self.registry.seen().iter().any(|seen| seen.method == "PUT" && seen.path.contains("/manifests/"))
    }

    fn uploads(&self) -> usize {
        let puts =
            self.registry.seen().into_iter().filter(|seen| seen.method == "PUT" && seen.path.contains("/blobs/"));
        puts.count()
    }

    fn compressed_files(&self) -> BTreeSet<(String, u64)> {
        use std::os::unix::fs::MetadataExt;
        let files = fs::read_dir(self.store.dir(Bucket::Encoded)).unwrap().map(std::result::Result::unwrap);
        files.map(|file| (file.file_name().into_string().unwrap(), file.metadata().unwrap().ino())).collect()
    }
}

/// The same image with compressed layers.
fn compressed(image: &TestImage, format: Format) -> TestImage {
    let mut manifest = Manifest::from_json(&image.blobs[&image.descriptor.digest]).unwrap();
    let mut blobs = BTreeMap::from([(manifest.config.digest, image.blobs[&manifest.config.digest].clone())]);
    for layer in &mut manifest.layers {
        let mut out = Vec::new();
        let codec = Codec::new(format, Some(1)).unwrap();
        *layer = compress(&mut &image.blobs[&layer.digest][..], codec, &mut out, &Cancel::new()).unwrap();
        blobs.insert(layer.digest, out);
    }
    let bytes = to_canonical_json(&manifest).unwrap();
    let descriptor = Descriptor::of(MediaType::OCI_MANIFEST, &bytes);
    blobs.insert(descriptor.digest, bytes);
    TestImage { descriptor, blobs }
}

fn layer_types(manifest: &Manifest) -> BTreeSet<&str> {
    manifest.layers.iter().map(|layer| layer.media_type.as_str()).collect()
}

/// Flips a byte of a file.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn what_was_built_arrives_compressed_and_is_compressed_once() {
    for (options, media_type) in [
        ("", MediaType::OCI_LAYER_GZIP),
        ("--compression zstd --compression-level 3 ", MediaType::OCI_LAYER_ZSTD),
        ("--compression uncompressed ", MediaType::OCI_LAYER),
    ] {
        let world = World::new();
        let image = world.built(1, "team/app:1");
        let said = world.push(&format!("{options}team/app:1")).unwrap();
        let (descriptor, manifest) = world.pushed("team/app:1");
        assert_eq!(layer_types(&manifest), [media_type].into());
        let own = Manifest::from_json(&image.blobs[&image.descriptor.digest]).unwrap();
        assert_eq!(manifest.config, own.config);
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[0], format!("The push refers to repository [{}]", world.name("team/app")));
        assert_eq!(lines[4], format!("1: digest: {} size: {}", descriptor.digest, descriptor.size));
        let mut layers: Vec<String> =
            own.layers.iter().map(|layer| format!("{}: Pushed", layer.digest.short())).collect();
        layers.sort();
        let mut said_of: Vec<&str> = lines[1..4].to_vec();
        said_of.sort_unstable();
        assert_eq!(said_of, layers);

        let (files, uploads) = (world.compressed_files(), world.uploads());
        let again = world.push(&format!("{options}team/app:1")).unwrap();
        assert_eq!(again.matches("Layer already exists").count(), 3, "{again}");
        assert_eq!((world.compressed_files(), world.uploads()), (files, uploads));
        assert_eq!(again.lines().last(), Some(lines[4]));

        let back = World::new();
        let args = pull::PullArgs { name: world.name("team/app:1"), quiet: true, ..pull::PullArgs::default() };
        let cancel = Cancel::new();
        let client = Client::new(Config::default(), &cancel);
        pull::fetch(&args, &back.store, (&client, &cancel), NOW, &|_| Ok(())).unwrap();
        let found = rbuild::image::find(&back.store, &world.name("team/app:1"), None).unwrap();
        assert_eq!((found.descriptor.digest, found.id.0), (descriptor.digest, own.config.digest));
    }
}

#[test]
fn what_came_from_elsewhere_arrives_as_it_was() {
    for format in [Format::Gzip, Format::Zstd] {
        let world = World::new();
        let image = compressed(&random_image(2, 3), format);
        world.load(&image.descriptor, &image.blobs, "team/app:1");
        world.push("team/app:1").unwrap();
        assert_eq!(world.pushed("team/app:1").0, image.descriptor);
        // Another format is for what is compressed here, unless that is insisted on.
        world.push("--compression zstd team/app:1").unwrap();
        assert_eq!(world.pushed("team/app:1").0, image.descriptor);
        world.push("--compression zstd --force-compression team/app:1").unwrap();
        let (descriptor, manifest) = world.pushed("team/app:1");
        assert_eq!(descriptor == image.descriptor, format == Format::Zstd, "what is compressed so already stays");
        assert_eq!(layer_types(&manifest), [MediaType::OCI_LAYER_ZSTD].into());
        world.push("--compression zstd --compression-level 9 --force-compression team/app:1").unwrap();
        assert_ne!(world.pushed("team/app:1").0, image.descriptor, "but not at a level that is said");
        world.push("--compression none --force-compression team/app:1").unwrap();
        assert_eq!(layer_types(&world.pushed("team/app:1").1), [MediaType::OCI_LAYER].into());
    }
}

/// An index of a compressed image for this machine and one for another, which share a layer.
fn index() -> (Descriptor, BTreeMap<Digest, Vec<u8>>, [TestImage; 2]) {
    let native = compressed(&random_image(3, 2), Format::Gzip);
    let other = compressed(&random_image(4, 2), Format::Zstd);
    let entry =
        |image: &TestImage, platform: Platform| Descriptor { platform: Some(platform), ..image.descriptor.clone() };
    let entries = vec![entry(&other, "linux/s390x".parse().unwrap()), entry(&native, Platform::native())];
    let bytes = to_canonical_json(&Index::oci(entries)).unwrap();
    let descriptor = Descriptor::of(MediaType::OCI_INDEX, &bytes);
    let mut blobs: BTreeMap<_, _> = native.blobs.clone().into_iter().chain(other.blobs.clone()).collect();
    blobs.insert(descriptor.digest, bytes);
    (descriptor, blobs, [native, other])
}

#[test]
fn an_index_arrives_whole_or_for_one_platform() {
    let world = World::new();
    let (descriptor, blobs, [native, other]) = index();
    world.load(&descriptor, &blobs, "team/multi:1");
    world.push("team/multi:1").unwrap();
    let reference = world.name("team/multi:1").parse().unwrap();
    let client = Client::new(Config::default(), &Cancel::new());
    assert_eq!(client.resolve(&reference).unwrap(), descriptor);
    for image in [&native, &other] {
        let get = |digest: &Digest| world.registry.get("team/multi", digest);
        assert_eq!(validate(&image.descriptor, &get), Vec::<String>::new());
    }
    let seen: Vec<String> = world.registry.seen().into_iter().map(|seen| seen.path).collect();
    let at = |digest: &Digest| seen.iter().rposition(|path| path.ends_with(&digest.to_string())).unwrap();
    assert!(at(&native.descriptor.digest) < at(&descriptor.digest), "manifests before the index that names them");
    world.push("--platform linux/s390x team/multi:1").unwrap();
    assert_eq!(world.pushed("team/multi:1").0, other.descriptor);
    let error = world.push("--platform linux/riscv64 team/multi:1").unwrap_err().to_string();
    assert!(error.contains("linux/riscv64"), "{error}");

    fs::remove_file(world.store.blob_path(&other.descriptor.digest)).unwrap();
    let error = world.push("team/multi:1").unwrap_err();
    assert!(error.to_string().contains(&other.descriptor.digest.to_string()), "{error}");
    assert!(matches!(error, Error::NotFound { hint: Some(hint), .. } if hint.contains("--platform")));
}

#[test]
fn nothing_is_published_of_what_is_damaged_or_missing() {
    for format in [Format::Gzip, Format::Zstd] {
        let world = World::new();
        let image = compressed(&random_image(5, 3), format);
        world.load(&image.descriptor, &image.blobs, "team/app:1");
        let layer = Manifest::from_json(&image.blobs[&image.descriptor.digest]).unwrap().layers[1].clone();
        let path = world.store.blob_path(&layer.digest);
        damage(&path);
        let error = world.push("team/app:1").unwrap_err().to_string();
        assert!(error.contains(&layer.digest.to_string()) && error.contains("its digest is"), "{error}");
        fs::remove_file(&path).unwrap();
        let error = world.push("team/app:1").unwrap_err().to_string();
        assert!(error.contains(&layer.digest.to_string()) && error.contains("not found in"), "{error}");
        assert!(!world.has_documents());
        assert!(world.registry.get("team/app", &layer.digest).is_none());
        // It need not be here where the registry has it.
        world.registry.put_blob("team/app", image.blobs[&layer.digest].clone());
        world.push("team/app:1").unwrap();
        assert_eq!(world.pushed("team/app:1").0, image.descriptor);
    }
}

#[test]
fn damage_to_what_was_compressed_is_mended_by_the_next_push() {
    let world = World::new();
    let image = world.built(6, "team/app:1");
    world.push("team/app:1").unwrap();
    let (before, _) = world.pushed("team/app:1");
    for (name, _) in world.compressed_files().iter().filter(|(name, _)| !name.ends_with("json")) {
        damage(&world.store.dir(Bucket::Encoded).join(name));
    }
    tag_as(&world, "team/app:1", "other/app:1");
    let error = push_unmounted(&world).unwrap_err().to_string();
    assert!(error.contains("its digest is"), "{error}");
    let mut tries = 0;
    while let Err(error) = push_unmounted(&world) {
        tries += 1;
        assert!(tries < 4 && error.to_string().contains("its digest is"), "{error}");
    }
    assert_eq!(world.pushed("other/app:1").0, before);
    // The layer itself is damaged: nothing can be made of it.
    let layer = Manifest::from_json(&image.blobs[&image.descriptor.digest]).unwrap().layers[0].digest;
    damage(&world.store.blob_path(&layer));
    let error = world.push("--compression zstd team/app:1").unwrap_err().to_string();
    assert!(error.contains(&layer.to_string()) && error.contains("damaged"), "{error}");
}

fn tag_as(world: &World, source: &str, target: &str) {
    let args = tag::TagArgs { source: world.name(source), target: world.name(target) };
    tag::tag(&args, &world.store, NOW).unwrap();
}

/// Pushes where nothing can be mounted, as the store knows the image by no other name there.
fn push_unmounted(world: &World) -> Result<String> {
    world.store.refs().remove(&world.name("team/app:1").parse().unwrap()).unwrap();
    let result = world.push("other/app:1");
    tag_as(world, "other/app:1", "team/app:1");
    result
}

#[test]
fn layers_are_shared_with_other_repositories_of_the_registry() {
    let world = World::new();
    world.built(7, "team/app:1");
    world.push("team/app:1").unwrap();
    let uploads = world.uploads();
    tag_as(&world, "team/app:1", "team/copy:1");
    let said = world.push("team/copy:1").unwrap();
    assert_eq!(said.matches("Mounted from team/app").count(), 3, "{said}");
    assert_eq!(world.uploads(), uploads + 1, "the configuration");
    assert_eq!(world.pushed("team/copy:1"), world.pushed("team/app:1"));
    // A name that was never pushed promises too much.
    tag_as(&world, "team/app:1", "a/b:1");
    let world = World { registry: Registry::start().unwrap(), ..world };
    for name in ["x/never:1", "x/wanted:1"] {
        world.built(8, name);
    }
    let said = world.push("x/wanted:1").unwrap();
    assert_eq!(said.matches("Pushed").count(), 3, "{said}");
    world.pushed("x/wanted:1");
}

#[test]
fn names_are_dockers() {
    let world = World::new();
    world.built(9, "team/app:1");
    world.built(10, "team/app:2");
    world.built(11, "team/app");
    let said = world.push("team/app").unwrap();
    assert!(said.starts_with("Using default tag: latest\nThe push refers to repository ["), "{said}");
    assert!(said.lines().last().unwrap().starts_with("latest: digest: sha256:"), "{said}");
    let said = world.push("--all-tags team/app").unwrap();
    let tags: Vec<&str> = said.lines().filter_map(|line| Some(line.split_once(": digest: ")?.0)).collect();
    assert_eq!(tags, ["1", "2", "latest"]);
    for (line, expected) in [
        ("team/app:3", "not found in the store"),
        ("team/nothing", "not found in the store"),
        ("-a team/app:1", "give the name without one"),
        ("team/app@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "by a tag"),
        ("--compression zstd --compression-level 99 team/app", "levels from"),
    ] {
        let error = world.push(line).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn one_failure_ends_all_and_publishes_nothing() {
    let world = World::new();
    world.built(12, "team/app:1");
    world.registry.fail("/blobs/uploads/2", Fault::Status(403, Vec::new()), 99);
    let error = world.push("-j 2 team/app:1").unwrap_err();
    assert!(error.to_string().contains("denies access"), "{error}");
    assert!(!world.has_documents());
}

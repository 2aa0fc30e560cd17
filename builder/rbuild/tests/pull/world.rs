//! A store, a registry in this process, and images to put there.

use rbuild::cli::pull::{self, PullArgs};
use rbuild::error::Result;
use rbuild_oci::testing::{TestImage, random_image, validate};
use rbuild_oci::{Cancel, Descriptor, Digest, Manifest, MediaType, Timestamp, to_canonical_json};
use rbuild_registry::testing::Registry;
use rbuild_registry::{Client, Config, Schedule, Timeouts};
use rbuild_store::layer::{Codec, Format, compress};
use rbuild_store::{Bucket, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

pub(crate) struct World {
    pub(crate) place: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) registry: Registry,
}

impl World {
    pub(crate) fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("store")).unwrap();
        Self { place, store, registry: Registry::start().unwrap() }
    }

    /// One whose registry has an image of three layers compressed with gzip as `team/app:1`.
    pub(crate) fn with_image() -> (Self, TestImage) {
        let (world, image) = (Self::new(), compressed(&random_image(7, 3), Format::Gzip));
        world.registry.put_image("team/app", "1", &image);
        (world, image)
    }

    /// The name of a repository of the registry, with or without a tag.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}/{name}", self.registry.host())
    }

    /// Pulls from the registry; what was said.
    pub(crate) fn pull(&self, name: &str) -> Result<String> {
        self.pull_as(PullArgs { name: self.name(name), ..PullArgs::default() })
    }

    pub(crate) fn pull_as(&self, args: PullArgs) -> Result<String> {
        self.pull_with(&args, eager(), &Cancel::new(), &|_| ())
    }

    pub(crate) fn pull_with(
        &self,
        args: &PullArgs,
        config: Config,
        cancel: &Cancel,
        hear: &(dyn Fn(&str) + Sync),
    ) -> Result<String> {
        let said = Mutex::new(String::new());
        let say = |line: &str| {
            said.lock().unwrap().push_str(line);
            hear(line);
            Ok(())
        };
        pull::fetch(args, &self.store, (&Client::new(config, cancel), cancel), NOW, &say)?;
        Ok(said.into_inner().unwrap())
    }

    /// What is wrong with a tagged image of the store.
    pub(crate) fn wrong(&self, name: &str) -> Vec<String> {
        let tag = self.store.refs().get(&self.name(name).parse().unwrap()).unwrap().unwrap();
        validate(&tag.descriptor, &|digest: &Digest| fs::read(self.store.blob_path(digest)).ok())
    }

    /// All files of the store but leases, with their content.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Digest> {
        let (mut files, mut ahead) = (BTreeMap::new(), vec![self.store.root().to_owned()]);
        while let Some(directory) = ahead.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && path != self.store.dir(Bucket::Leases) {
                    ahead.push(path);
                } else if path.is_file() {
                    files.insert(path.clone(), Digest::of(&fs::read(path).unwrap()));
                }
            }
        }
        files
    }

    /// Fails unless all that is new since `before` are whole layers: no tag, no document, nothing unfinished.
    pub(crate) fn assert_only_whole_layers_since(&self, before: &BTreeMap<PathBuf, Digest>) {
        let now = self.files();
        assert!(before.iter().all(|(path, digest)| now.get(path) == Some(digest)), "something is gone or altered");
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        for (path, digest) in now.iter().filter(|(path, _)| !before.contains_key(*path)) {
            let index = path.starts_with(self.store.dir(Bucket::Index));
            assert!(index || path.starts_with(self.store.blobs()) && name(path) == digest.hex(), "{}", path.display());
            assert!(index || !fs::read(path).unwrap().starts_with(b"{"), "{}: a document", path.display());
        }
    }

    /// How often blobs were asked for, by digest.
    pub(crate) fn asked(&self) -> BTreeMap<String, usize> {
        let mut asked = BTreeMap::new();
        for seen in self.registry.seen().iter().filter(|seen| seen.method == "GET" && seen.path.contains("/blobs/")) {
            *asked.entry(seen.path.rsplit('/').next().unwrap().to_owned()).or_default() += 1;
        }
        asked
    }
}

/// Settings that try again often and soon, and bear a second of silence.
pub(crate) fn eager() -> Config {
    let retry = Schedule { attempts: 3, first: Duration::from_millis(1), longest: Duration::from_secs(2) };
    let timeouts = Timeouts { idle: Duration::from_secs(1), ..Timeouts::default() };
    Config { retry, timeouts, ..Config::default() }
}

/// The same image with compressed layers.
pub(crate) fn compressed(image: &TestImage, format: Format) -> TestImage {
    let codec = Codec::new(format, None).unwrap();
    let pack = |plain: &[u8]| {
        let mut out = Vec::new();
        let blob = compress(&mut &*plain, codec, &mut out, &Cancel::new()).unwrap();
        (blob.media_type, out)
    };
    repacked(image, &pack, MediaType::OCI_MANIFEST)
}

/// The same image with its layers packed otherwise, and a manifest of that type.
pub(crate) fn repacked(
    image: &TestImage,
    pack: &dyn Fn(&[u8]) -> (MediaType, Vec<u8>),
    manifest_type: &str,
) -> TestImage {
    let mut manifest = Manifest::from_json(&image.blobs[&image.descriptor.digest]).unwrap();
    let mut blobs = BTreeMap::from([(manifest.config.digest, image.blobs[&manifest.config.digest].clone())]);
    for layer in &mut manifest.layers {
        let (media_type, out) = pack(&image.blobs[&layer.digest]);
        *layer = Descriptor::of(media_type, &out);
        blobs.insert(layer.digest, out);
    }
    if manifest_type == MediaType::DOCKER_MANIFEST {
        manifest.config.media_type = MediaType::DOCKER_CONFIG.into();
    }
    manifest.media_type = Some(manifest_type.into());
    let bytes = to_canonical_json(&manifest).unwrap();
    let descriptor = Descriptor::of(manifest_type, &bytes);
    blobs.insert(descriptor.digest, bytes);
    TestImage { descriptor, blobs }
}

/// The manifest of an image.
pub(crate) fn manifest(image: &TestImage) -> Manifest {
    Manifest::from_json(&image.blobs[&image.descriptor.digest]).unwrap()
}

/// The digests of its layers' blobs.
pub(crate) fn layers(image: &TestImage) -> BTreeSet<String> {
    manifest(image).layers.iter().map(|layer| layer.digest.to_string()).collect()
}

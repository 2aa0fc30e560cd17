//! A store of its own, images that follow from a number, and the forms that images lie about in.

use crate::common::{fsck, public_dir, skip};
use rbuild_oci::testing::{TestImage, random_image};
use rbuild_oci::{
    Cancel, Descriptor, DiffId, Digest, ImageConfig, Index, Manifest, MediaType, Platform, RootFs, to_canonical_json,
};
use rbuild_registry::testing::Registry;
use rbuild_store::Store;
use rbuild_store::layer::{Codec, Format, compress};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory with a store in it.
pub(crate) struct World {
    place: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let place = public_dir();
        Store::open(&place.path().join("store")).unwrap();
        Self { place }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.path("store")
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&self.root()).unwrap()
    }

    /// Runs rbuild here.
    pub(crate) fn rbuild(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rbuild"));
        command.args(arguments).env("RBUILD_ROOT", self.root()).current_dir(self.place.path());
        command.env("HOME", self.place.path()).output().unwrap()
    }

    /// What rbuild prints where it has to do well.
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let output = self.rbuild(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What rbuild complains of where it has to fail.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let output = self.rbuild(arguments);
        assert!(!output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).unwrap()
    }

    /// The digest that a name of the store points at.
    pub(crate) fn digest(&self, name: &str) -> Digest {
        let tag = self.store().refs().get(&name.parse().unwrap()).unwrap();
        tag.unwrap_or_else(|| panic!("{name} is not there")).descriptor.digest
    }

    /// Everything of the store is what it says.
    pub(crate) fn check(&self) {
        fsck::check(&self.root());
    }

    /// What people and other programs see of the store.
    pub(crate) fn seen(&self) -> (String, Vec<u8>) {
        let tags = format!("{:?}", self.store().refs().list().unwrap());
        (tags, fs::read(self.root().join("index.json")).unwrap())
    }

    /// A layout in a directory.
    pub(crate) fn layout(&self, name: &str, images: &[&TestImage], entries: Vec<Descriptor>) -> PathBuf {
        let directory = self.path(name);
        fs::create_dir_all(directory.join("blobs/sha256")).unwrap();
        fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        fs::write(directory.join("index.json"), to_canonical_json(&Index::oci(entries)).unwrap()).unwrap();
        for (digest, bytes) in images.iter().flat_map(|image| &image.blobs) {
            fs::write(directory.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        }
        directory
    }

    /// A file with these members: names, and bytes or the target of a symbolic link.
    pub(crate) fn archive(&self, name: &str, members: &[(&str, Member<'_>)]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, archive(members)).unwrap();
        path
    }
}

/// What a member of an archive is.
#[derive(Clone, Copy)]
pub(crate) enum Member<'a> {
    File(&'a [u8]),
    Link(&'a str),
}

/// A tarball with these members, whatever they are called.
pub(crate) fn archive(members: &[(&str, Member<'_>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, member) in members {
        let mut header = tar::Header::new_ustar();
        let body = match member {
            Member::File(bytes) => *bytes,
            Member::Link(target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_link_name(target).unwrap();
                b""
            }
        };
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_mode(0o644);
        header.set_size(body.len() as u64);
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(body);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// An entry of an index under a whole name.
pub(crate) fn named(image: &TestImage, name: &str) -> Descriptor {
    let mut entry = image.descriptor.clone();
    entry.annotations.insert("io.containerd.image.name".to_owned(), name.to_owned());
    entry
}

/// The documents and layers of an image.
pub(crate) struct Parts {
    pub(crate) config: Vec<u8>,
    pub(crate) layers: Vec<Vec<u8>>,
}

pub(crate) fn parts(image: &TestImage) -> Parts {
    let manifest = Manifest::from_json(&image.blobs[&image.descriptor.digest]).unwrap();
    let layers = manifest.layers.iter().map(|layer| image.blobs[&layer.digest].clone()).collect();
    Parts { config: image.blobs[&manifest.config.digest].clone(), layers }
}

/// The id of an image.
pub(crate) fn id(image: &TestImage) -> String {
    Digest::of(&parts(image).config).to_string()
}

/// The same image with compressed layers.
pub(crate) fn compressed(image: &TestImage, format: Format) -> TestImage {
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

/// The same image for another platform.
pub(crate) fn for_platform(image: &TestImage, platform: &str) -> TestImage {
    let platform: Platform = platform.parse().unwrap();
    let mut manifest = Manifest::from_json(&image.blobs[&image.descriptor.digest]).unwrap();
    let old = ImageConfig::from_json(&image.blobs[&manifest.config.digest]).unwrap();
    let ours = ImageConfig { rootfs: old.rootfs, history: old.history, ..ImageConfig::scratch(&platform) };
    let mut blobs = image.blobs.clone();
    let config = to_canonical_json(&ours).unwrap();
    manifest.config = Descriptor::of(MediaType::OCI_CONFIG, &config);
    let bytes = to_canonical_json(&manifest).unwrap();
    let descriptor = Descriptor { platform: Some(platform), ..Descriptor::of(MediaType::OCI_MANIFEST, &bytes) };
    blobs.remove(&image.descriptor.digest);
    blobs.extend([(manifest.config.digest, config), (descriptor.digest, bytes)]);
    TestImage { descriptor, blobs }
}

/// An image of one layer, which it has as it is.
pub(crate) fn image_of(layer: Vec<u8>) -> TestImage {
    let rootfs = RootFs { diff_ids: vec![DiffId(Digest::of(&layer))], ..RootFs::default() };
    let config = to_canonical_json(&ImageConfig { rootfs, ..ImageConfig::scratch(&Platform::native()) }).unwrap();
    let layers = vec![Descriptor::of(MediaType::OCI_LAYER, &layer)];
    let manifest = Manifest::oci(Descriptor::of(MediaType::OCI_CONFIG, &config), layers);
    let bytes = to_canonical_json(&manifest).unwrap();
    let descriptor = Descriptor::of(MediaType::OCI_MANIFEST, &bytes);
    TestImage { descriptor, blobs: [layer, config, bytes].map(|bytes| (Digest::of(&bytes), bytes)).into() }
}

/// An index of images, with all that is behind it.
pub(crate) fn index(images: &[&TestImage]) -> TestImage {
    let entries = images.iter().map(|image| image.descriptor.clone()).collect();
    let bytes = to_canonical_json(&Index::oci(entries)).unwrap();
    let descriptor = Descriptor::of(MediaType::OCI_INDEX, &bytes);
    let mut blobs: BTreeMap<Digest, Vec<u8>> = images.iter().flat_map(|image| image.blobs.clone()).collect();
    blobs.insert(descriptor.digest, bytes);
    TestImage { descriptor, blobs }
}

/// Puts an image into a registry, or an index with all its images.
pub(crate) fn put(registry: &Registry, repository: &str, tag: &str, image: &TestImage) {
    registry.put_image(repository, tag, image);
    if image.descriptor.media_type.is_index() {
        for entry in Index::from_json(&image.blobs[&image.descriptor.digest]).unwrap().manifests {
            let tag = entry.digest.short();
            registry.put_manifest(repository, &tag, &entry, image.blobs[&entry.digest].clone());
        }
    }
}

/// An image for two platforms, this machine's first.
pub(crate) fn two_platforms(seed: u64) -> TestImage {
    let native = for_platform(&random_image(seed, 2), &Platform::native().to_string());
    index(&[&native, &for_platform(&random_image(seed + 1, 1), "linux/s390x")])
}

/// Runs another program that has to do well; none, and a word about it, where it is not installed.
pub(crate) fn tool(program: &str, arguments: &[&str]) -> Option<String> {
    let output = match Command::new(program).args(arguments).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            skip(&format!("{program} is not installed"));
            return None;
        }
        output => output.unwrap(),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

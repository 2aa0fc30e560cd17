//! OCI image layouts (OCI image specification, "Image Layout"), as directories or tarballs: which image is meant, for
//! which platform. Knows no store.

use super::blobs::{Blobs, damaged, document};
use super::files::Files;
use super::found::Found;
use super::platform::{choose, list};
use crate::error::{Error, Result};
use rbuild_oci::{Descriptor, Digest, Index, Manifest, Platform, Reference};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// The annotation that names an image in a layout: its tag, or its whole name.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The annotation in which containerd, BuildKit and docker keep the whole name.
pub const IMAGE_NAME: &str = "io.containerd.image.name";

/// How deep indexes may be nested.
pub(super) const DEPTH: usize = 8;

/// How many images and indexes may be listed, each counted as often as it is: a few small indexes that list each other
/// many times over would be walked for ever.
const MOST_STEPS: usize = 10_000;

/// Finds an image in the layout at `path` and reads its documents. `image` is a tag, a name or a digest; without one
/// the layout's only image is meant, or the one that is called `latest`. Of several platforms it is the wanted one;
/// the error for a missing one lists those there are.
pub fn resolve(path: &Path, image: Option<&str>, platform: &Platform) -> Result<Found> {
    let layout = Layout::open(Files::open(path)?)?
        .ok_or_else(|| Error::Usage(format!("{} is no OCI image layout: it has no index.json", path.display())))?;
    let chosen = layout.chosen(&layout.entries_of(image)?, platform)?;
    Found::read(&layout.blobs, &chosen)
}

/// An OCI image layout whose index was read.
#[derive(Debug)]
pub struct Layout {
    blobs: Arc<dyn Blobs>,
    index: Index,
}

impl Layout {
    /// The layout in these files; none if they have no `index.json`.
    pub fn open(files: Files) -> Result<Option<Self>> {
        let Some(bytes) = files.read("index.json")? else { return Ok(None) };
        Ok(Some(Self { index: Index::from_json(&bytes)?, blobs: Arc::new(files) }))
    }

    /// The images that an index lists, as a layout.
    pub(super) fn of(blobs: Arc<dyn Blobs>, index: Index) -> Self {
        Self { blobs, index }
    }

    /// The manifest for a platform among entries, or behind them, of which the content is in `blobs`.
    pub(super) fn choose(blobs: &Arc<dyn Blobs>, entries: &[Descriptor], platform: &Platform) -> Result<Descriptor> {
        Self::of(blobs.clone(), Index::oci(Vec::new())).chosen(entries, platform)
    }

    /// The manifests of all images behind a manifest or an index, of which the content is in `blobs`.
    pub(super) fn manifests(blobs: &Arc<dyn Blobs>, target: &Descriptor) -> Result<Vec<Descriptor>> {
        let offers = Self::of(blobs.clone(), Index::oci(Vec::new())).offers(std::slice::from_ref(target))?;
        Ok(offers.into_iter().map(|(_, manifest)| manifest).collect())
    }

    /// The entries of that tag, name or digest, or of the only image there is; several where each is for another platform.
    pub fn entries_of(&self, image: Option<&str>) -> Result<Vec<Descriptor>> {
        image.map_or_else(|| self.only(), |image| self.named(image))
    }

    fn chosen(&self, entries: &[Descriptor], platform: &Platform) -> Result<Descriptor> {
        let offers = self.offers(entries)?;
        choose(&offers, platform).cloned().ok_or_else(|| Error::NotFound {
            path: format!("an image for {platform}"),
            place: format!("{}, which has {}", self.place(), list(&offers)),
            hint: None,
        })
    }

    /// Where its content is.
    pub const fn blobs(&self) -> &Arc<dyn Blobs> {
        &self.blobs
    }

    /// What its `index.json` lists, statements about images left out.
    pub fn entries(&self) -> impl Iterator<Item = &Descriptor> {
        self.index.manifests.iter().filter(|entry| !entry.is_attestation())
    }

    /// The images for one platform each behind some entries, with the platform where it is known. Parts of an index
    /// that are not here are left out.
    pub fn offers(&self, entries: &[Descriptor]) -> Result<Vec<(Option<Platform>, Descriptor)>> {
        let mut walk = Walk::default();
        for entry in entries {
            self.collect(entry, DEPTH, &mut walk)?;
        }
        Ok(walk.offers)
    }

    /// The entries of that tag, name or digest; several where each is for another platform.
    fn named(&self, image: &str) -> Result<Vec<Descriptor>> {
        let found: Vec<Descriptor> = match image.parse::<Digest>() {
            Ok(digest) => self.by_digest(&digest)?.into_iter().collect(),
            Err(_) => return self.one_name(image),
        };
        if found.is_empty() { Err(self.no_image(image)) } else { Ok(found) }
    }

    /// The entries of the only name there is, or of `latest`.
    fn only(&self) -> Result<Vec<Descriptor>> {
        let names: BTreeSet<Option<&str>> = self.entries().map(name).collect();
        if names.is_empty() {
            return Err(self.no_image("an image"));
        }
        if names.len() == 1 { Ok(self.entries().cloned().collect()) } else { self.one_name("latest") }
    }

    /// The entries of one name that are called `image`.
    fn one_name(&self, image: &str) -> Result<Vec<Descriptor>> {
        let found: Vec<Descriptor> = self.entries().filter(|entry| is_called(entry, image)).cloned().collect();
        match found.iter().map(name).collect::<BTreeSet<_>>().len() {
            0 => Err(self.no_image(image)),
            1 => Ok(found),
            _ => Err(Error::Usage(format!("{image} is ambiguous in {}, which has {}", self.place(), self.names()))),
        }
    }

    fn by_digest(&self, digest: &Digest) -> Result<Option<Descriptor>> {
        if let Some(entry) = self.entries().find(|entry| entry.digest == *digest) {
            return Ok(Some(entry.clone()));
        }
        let entries: Vec<Descriptor> = self.entries().cloned().collect();
        let offers = self.offers(&entries)?;
        Ok(offers.into_iter().map(|(_, manifest)| manifest).find(|manifest| manifest.digest == *digest))
    }

    fn collect(&self, entry: &Descriptor, depth: usize, walk: &mut Walk) -> Result<()> {
        if entry.is_attestation() {
            return Ok(());
        }
        walk.steps += 1;
        if walk.steps > MOST_STEPS {
            return Err(damaged(&*self.blobs, entry, format!("more than {MOST_STEPS} images are listed before it")));
        }
        if entry.media_type.is_index() {
            let Some(bytes) = document(&*self.blobs, entry)? else { return Ok(()) };
            if depth == 0 {
                return Err(damaged(&*self.blobs, entry, "indexes are nested too deeply"));
            }
            let index = Index::from_json(&bytes)?;
            return index.manifests.iter().try_for_each(|entry| self.collect(entry, depth - 1, walk));
        }
        if entry.media_type.is_manifest() && self.is_image(entry)? {
            let platform = match &entry.platform {
                Some(platform) => Some(platform.clone()),
                None => Found::read(&self.blobs, entry)?.platform(),
            };
            walk.offers.push((platform, entry.clone()));
        }
        Ok(())
    }

    /// Whether a manifest is here and that of an image.
    fn is_image(&self, entry: &Descriptor) -> Result<bool> {
        let Some(bytes) = document(&*self.blobs, entry)? else { return Ok(false) };
        Ok(Manifest::from_json(&bytes)?.config.media_type.is_config())
    }

    fn place(&self) -> String {
        if self.index.manifests.is_empty() {
            self.blobs.place()
        } else {
            format!("the OCI layout {}", self.blobs.place())
        }
    }

    fn no_image(&self, image: &str) -> Error {
        let place = format!("{}, which has {}", self.place(), self.names());
        Error::NotFound { path: image.to_owned(), place, hint: None }
    }

    /// What its images are called, for people.
    fn names(&self) -> String {
        let name = |entry: &Descriptor| name(entry).map_or_else(|| entry.digest.to_string(), str::to_owned);
        let names: BTreeSet<String> = self.entries().map(name).collect();
        if names.is_empty() { "no image".to_owned() } else { names.into_iter().collect::<Vec<_>>().join(", ") }
    }
}

/// What was come by on the way through indexes.
#[derive(Default)]
struct Walk {
    steps: usize,
    offers: Vec<(Option<Platform>, Descriptor)>,
}

/// What an entry is called: its whole name where it has one, else its tag.
pub fn name(entry: &Descriptor) -> Option<&str> {
    entry.annotations.get(IMAGE_NAME).or_else(|| entry.annotations.get(REF_NAME)).map(String::as_str)
}

/// Whether an entry has that tag or name.
fn is_called(entry: &Descriptor, image: &str) -> bool {
    let wanted = image.parse::<Reference>().ok();
    let names = [REF_NAME, IMAGE_NAME].into_iter().filter_map(|key| entry.annotations.get(key));
    names.into_iter().any(|name| {
        let tag = name.rsplit_once(':').map(|(_, tag)| tag);
        name == image || tag == Some(image) || wanted.is_some() && name.parse().ok() == wanted
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rbuild_oci::MediaType;
    use rbuild_oci::testing::{TestImage, random_image};
    use rbuild_oci::to_canonical_json;
    use std::fs;

    /// A layout in a directory, of images and of entries that name them.
    fn layout(images: &[&TestImage], entries: Vec<Descriptor>) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let blobs = directory.path().join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        for (digest, bytes) in images.iter().flat_map(|image| &image.blobs) {
            fs::write(blobs.join(digest.hex()), bytes).unwrap();
        }
        let index = to_canonical_json(&Index::oci(entries)).unwrap();
        fs::write(directory.path().join("index.json"), index).unwrap();
        directory
    }

    fn entry(image: &TestImage, annotations: &[(&str, &str)], platform: Option<&str>) -> Descriptor {
        let mut entry = image.descriptor.clone();
        entry.annotations = annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        entry.platform = platform.map(|text| text.parse().unwrap());
        entry
    }

    fn found(layout: &tempfile::TempDir, image: Option<&str>, platform: &str) -> std::result::Result<Digest, String> {
        let platform = if platform.is_empty() { Platform::native() } else { platform.parse().unwrap() };
        let found = resolve(layout.path(), image, &platform).map_err(|error| error.to_string())?;
        assert_eq!(found.config.rootfs.diff_ids.len(), found.manifest.layers.len());
        Ok(found.descriptor.digest)
    }

    #[test]
    fn names_tags_and_digests_select() {
        let (a, b) = (random_image(1, 2), random_image(2, 1));
        let full = [(REF_NAME, "bookworm"), (IMAGE_NAME, "docker.io/library/debian:bookworm")];
        let layout = layout(&[&a, &b], vec![entry(&a, &full, None), entry(&b, &[(REF_NAME, "latest")], None)]);
        let (first, second) = (Ok(a.descriptor.digest), Ok(b.descriptor.digest));
        for name in ["bookworm", "debian:bookworm", "docker.io/library/debian:bookworm"] {
            assert_eq!(found(&layout, Some(name), ""), first, "{name}");
        }
        assert_eq!(found(&layout, Some(&a.descriptor.digest.to_string()), ""), first);
        assert_eq!(found(&layout, None, ""), second, "latest");
        let error = found(&layout, Some("trixie"), "").unwrap_err();
        assert!(error.contains("trixie") && error.contains("docker.io/library/debian:bookworm, latest"), "{error}");
    }

    #[test]
    fn an_only_image_needs_no_name() {
        let image = random_image(3, 1);
        let layout = layout(&[&image], vec![entry(&image, &[(REF_NAME, "x")], None)]);
        assert_eq!(found(&layout, None, ""), Ok(image.descriptor.digest));
        let error = found(&layout, None, "linux/s390x").unwrap_err();
        assert!(error.contains("linux/s390x") && error.contains(&Platform::native().to_string()), "{error}");
    }

    #[test]
    fn platforms_select_in_nested_indexes() {
        let (a, b) = (random_image(4, 1), random_image(5, 1));
        let mut attestation = entry(&a, &[("vnd.docker.reference.type", "attestation-manifest")], None);
        attestation.digest = Digest::of(b"not here");
        let absent = Descriptor { platform: "linux/riscv64".parse().ok(), ..attestation.clone() };
        let absent = Descriptor { annotations: rbuild_oci::Annotations::new(), ..absent };
        let of = vec![entry(&a, &[], Some("linux/arm64")), entry(&b, &[], Some("linux/amd64")), attestation, absent];
        let nested = to_canonical_json(&Index::oci(of)).unwrap();
        let descriptor = Descriptor::of(MediaType::OCI_INDEX, &nested);
        let layout = layout(&[&a, &b], vec![descriptor.clone()]);
        fs::write(layout.path().join("blobs/sha256").join(descriptor.digest.hex()), nested).unwrap();
        assert_eq!(found(&layout, None, "linux/arm64"), Ok(a.descriptor.digest));
        assert_eq!(found(&layout, None, "linux/amd64"), Ok(b.descriptor.digest));
        assert_eq!(found(&layout, Some(&a.descriptor.digest.to_string()), "linux/arm64"), Ok(a.descriptor.digest));
        let error = found(&layout, None, "linux/riscv64").unwrap_err();
        assert!(error.contains("linux/arm64, linux/amd64"), "{error}");
    }

    #[test]
    fn two_images_and_no_name_is_an_error() {
        let (a, b) = (random_image(6, 1), random_image(7, 1));
        let entries = vec![entry(&a, &[(IMAGE_NAME, "a:latest")], None), entry(&b, &[(IMAGE_NAME, "b:latest")], None)];
        let error = found(&layout(&[&a, &b], entries), None, "").unwrap_err();
        assert!(error.contains("ambiguous") && error.contains("a:latest, b:latest"), "{error}");
        let empty = layout(&[], Vec::new());
        assert!(found(&empty, None, "").unwrap_err().contains("no image"));
        fs::remove_file(empty.path().join("index.json")).unwrap();
        assert!(found(&empty, None, "").unwrap_err().contains("no OCI image layout"));
    }

    #[test]
    fn damage_is_named() {
        let image = random_image(8, 1);
        let layout = layout(&[&image], vec![entry(&image, &[], None)]);
        let path = layout.path().join("blobs/sha256").join(image.descriptor.digest.hex());
        let mut bytes = fs::read(&path).unwrap();
        bytes[0] = b' ';
        fs::write(&path, bytes).unwrap();
        let error = found(&layout, None, "").unwrap_err();
        assert!(error.contains(&image.descriptor.digest.to_string()) && error.contains("its digest is"), "{error}");
    }

    #[test]
    fn a_tarball_serves_as_well() {
        let image = random_image(9, 2);
        let layout = layout(&[&image], vec![entry(&image, &[(REF_NAME, "x")], None)]);
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut archive = tar::Builder::new(file.as_file());
        archive.append_dir_all(".", layout.path()).unwrap();
        archive.finish().unwrap();
        let found = resolve(file.path(), Some("x"), &Platform::native()).unwrap();
        assert_eq!(found.descriptor.digest, image.descriptor.digest);
    }
}

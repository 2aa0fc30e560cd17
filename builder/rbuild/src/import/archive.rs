//! Docker archives, as `docker save` writes them: `manifest.json` names configurations, layers and tags; before 2016 there
//! was `repositories` alone, see `legacy`. Becomes the same as an image of a layout. Knows no store.

use super::blobs::Blobs;
use super::budget::Budget;
use super::files::Files;
use super::found::Found;
use super::legacy;
use super::tarballs::Tarballs;
use crate::error::{Error, Result};
use rbuild_oci::{Cancel, Descriptor, Digest, ImageConfig, Manifest, MediaType, to_canonical_json};
use rbuild_store::Error as Cause;
use rbuild_store::layer::decompress;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::sync::Arc;

/// An image of an archive, and its names there.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The image.
    pub found: Found,
    /// Its names, as they are written there.
    pub names: Vec<String>,
}

/// All images of the archive in these files; none if they have neither `manifest.json` nor `repositories`. An image that is
/// listed several times has the names of all.
pub fn images(files: Files, cancel: &Cancel) -> Result<Option<Vec<Saved>>> {
    let mut reading = Reading {
        files: &files,
        tarballs: Tarballs::of(&files, cancel),
        content: BTreeMap::new(),
        budget: Budget::of(files.place()),
    };
    let Some(read) = reading.all()? else { return Ok(None) };
    let content = reading.content;
    let blobs: Arc<dyn Blobs> = Arc::new(Archive { files, content });
    let saved = read.into_iter().map(|(documents, names)| Saved { found: documents.found(&blobs), names });
    Ok(Some(saved.collect()))
}

/// An entry of `manifest.json`.
#[derive(Debug, Deserialize)]
struct Item {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags", default)]
    names: Option<Vec<String>>,
    #[serde(rename = "Layers", default)]
    layers: Option<Vec<String>>,
}

/// Where content of an archive is.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// In a file, as it is.
    File(String),
    /// In a file, compressed in a way that no media type has a name for.
    Packed(String),
    /// Here: the archive has no such document.
    Made(Vec<u8>),
}

/// The content of an archive by its digest.
#[derive(Debug)]
struct Archive {
    files: Files,
    content: BTreeMap<Digest, Content>,
}

impl Blobs for Archive {
    fn open(&self, blob: &Descriptor) -> Result<Option<Box<dyn Read + Send + '_>>> {
        let file = |name: &str| Ok(self.files.open_file(name)?.map(|(_, reader)| reader));
        match self.content.get(&blob.digest) {
            None => Ok(None),
            Some(Content::File(name)) => file(name),
            Some(Content::Packed(name)) => Ok(file(name)?.map(decompress).transpose()?.map(|(_, plain)| plain)),
            Some(Content::Made(bytes)) => Ok(Some(Box::new(Cursor::new(&bytes[..])))),
        }
    }

    fn place(&self) -> String {
        self.files.place()
    }
}

/// The documents of an image; the manifest is ours, as such archives have none.
struct Documents {
    manifest: Manifest,
    manifest_bytes: Vec<u8>,
    config: ImageConfig,
    config_bytes: Vec<u8>,
}

impl Documents {
    fn found(self, blobs: &Arc<dyn Blobs>) -> Found {
        let Self { manifest, manifest_bytes, config, config_bytes } = self;
        let descriptor = Descriptor::of(MediaType::OCI_MANIFEST, &manifest_bytes);
        Found { descriptor, manifest_bytes, manifest, config_bytes, config, blobs: blobs.clone() }
    }
}

/// The documents of an image, and its names.
type Named = (Documents, Vec<String>);

/// An archive that is being read.
struct Reading<'a> {
    files: &'a Files,
    tarballs: Tarballs<'a>,
    content: BTreeMap<Digest, Content>,
    budget: Budget,
}

impl Reading<'_> {
    /// All images with their names.
    fn all(&mut self) -> Result<Option<Vec<Named>>> {
        if let Some(bytes) = self.files.read("manifest.json")? {
            let items: Vec<Item> = serde_json::from_slice(&bytes)
                .map_err(|source| Error::Oci(rbuild_oci::Error::Json { what: "manifest.json", source }))?;
            return self.items(items).map(Some);
        }
        let Some(images) = legacy::images(self.files, &mut self.tarballs, &mut self.budget)? else { return Ok(None) };
        let read = images.into_iter().map(|image| Ok((self.documents(image.config, &image.layers)?, image.names)));
        read.collect::<Result<_>>().map(Some)
    }

    fn items(&mut self, items: Vec<Item>) -> Result<Vec<Named>> {
        self.budget.look(items.len(), "images")?;
        let (mut known, mut read): (BTreeMap<_, usize>, Vec<Named>) = Default::default();
        for Item { config, names, layers } in items {
            let key = (config, layers.unwrap_or_default());
            let names = names.unwrap_or_default();
            if let Some((_, all)) = known.get(&key).and_then(|at| read.get_mut(*at)) {
                all.extend(names);
                continue;
            }
            read.push((self.item(&key.0, &key.1)?, names));
            known.insert(key, read.len() - 1);
        }
        Ok(read)
    }

    fn item(&mut self, name: &str, layers: &[String]) -> Result<Documents> {
        let bytes = self.files.read(name)?.ok_or_else(|| missing(self.files, name))?;
        let found = Digest::of(&bytes);
        if promised(name).is_some_and(|wanted| wanted != found) {
            return Err(corrupt("image configuration", self.files, name, format!("its digest is {found}")));
        }
        let (count, diff_ids) = (layers.len(), ImageConfig::from_json(&bytes)?.rootfs.diff_ids.len());
        if count != diff_ids {
            let reason = format!("it has {count} layers and its configuration {diff_ids}");
            return Err(corrupt("image", self.files, name, reason));
        }
        self.documents(bytes, layers)
    }

    /// Those of an image with that configuration, whose layers are in these files.
    fn documents(&mut self, config_bytes: Vec<u8>, names: &[String]) -> Result<Documents> {
        let config = ImageConfig::from_json(&config_bytes)?;
        let mut layers = Vec::new();
        for (name, diff_id) in names.iter().zip(&config.rootfs.diff_ids) {
            let (layer, place) = self.tarballs.layer(name, diff_id)?;
            self.content.insert(layer.digest, place);
            layers.push(layer);
        }
        let manifest = Manifest::oci(Descriptor::of(MediaType::OCI_CONFIG, &config_bytes), layers);
        let manifest_bytes = to_canonical_json(&manifest)?;
        self.budget.keep(config_bytes.len() as u64 + manifest_bytes.len() as u64)?;
        self.content.insert(manifest.config.digest, Content::Made(config_bytes.clone()));
        self.content.insert(Digest::of(&manifest_bytes), Content::Made(manifest_bytes.clone()));
        Ok(Documents { manifest, manifest_bytes, config, config_bytes })
    }
}

/// The digest that the name of a configuration says it has, where it says one: `HEX.json`, `blobs/sha256/HEX`.
fn promised(name: &str) -> Option<Digest> {
    let last = name.rsplit('/').next()?;
    Digest::from_hex(last.strip_suffix(".json").unwrap_or(last)).ok()
}

/// The error for a file that the archive names and does not have.
pub(super) fn missing(files: &Files, name: &str) -> Error {
    Error::NotFound { path: name.to_owned(), place: files.place(), hint: None }
}

/// The error for a file of the archive that contradicts itself.
pub(super) fn corrupt(what: &'static str, files: &Files, name: &str, reason: String) -> Error {
    Error::Store(Cause::Corrupt { what, subject: format!("{name} in {}", files.place()), reason })
}

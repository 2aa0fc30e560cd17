//! Docker archives, as `docker save` writes them: `manifest.json` names configurations, layers and tags; before 2016 there
//! was `repositories` alone, see `legacy`. Becomes the same as an image of a layout. Knows no store.

use super::blobs::Blobs;
use super::files::Files;
use super::found::Found;
use super::legacy;
use crate::error::{Error, Result};
use rbuild_oci::{Descriptor, DiffId, Digest, Hasher, ImageConfig, Manifest, MediaType, to_canonical_json};
use rbuild_store::Error as Cause;
use rbuild_store::layer::{Compression, decompress};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::sync::Arc;

/// An image of an archive, and its names there.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The image.
    pub found: Found,
    /// Its names, as they are written there.
    pub names: Vec<String>,
}

/// All images of the archive in these files; none if they have neither `manifest.json` nor `repositories`.
pub fn images(files: Files) -> Result<Option<Vec<Saved>>> {
    let (mut content, mut read) = (BTreeMap::new(), Vec::new());
    if let Some(bytes) = files.read("manifest.json")? {
        let items: Vec<Item> = serde_json::from_slice(&bytes)
            .map_err(|source| Error::Oci(rbuild_oci::Error::Json { what: "manifest.json", source }))?;
        for item in items {
            read.push((Documents::read(&files, &item, &mut content)?, item.names.unwrap_or_default()));
        }
    } else if let Some(images) = legacy::images(&files)? {
        for image in images {
            read.push((Documents::of(&files, image.config, &image.layers, &mut content)?, image.names));
        }
    } else {
        return Ok(None);
    }
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
enum Content {
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
    fn read(files: &Files, item: &Item, content: &mut BTreeMap<Digest, Content>) -> Result<Self> {
        let bytes = files.read(&item.config)?.ok_or_else(|| missing(files, &item.config))?;
        let found = Digest::of(&bytes);
        if promised(&item.config).is_some_and(|wanted| wanted != found) {
            return Err(corrupt("image configuration", files, &item.config, format!("its digest is {found}")));
        }
        let layers = item.layers.as_deref().unwrap_or_default();
        let config = ImageConfig::from_json(&bytes)?;
        let (names, diff_ids) = (layers.len(), config.rootfs.diff_ids.len());
        if names != diff_ids {
            let reason = format!("it has {names} layers and its configuration {diff_ids}");
            return Err(corrupt("image", files, &item.config, reason));
        }
        Self::of(files, bytes, layers, content)
    }

    /// Those of an image with that configuration, whose layers are in these files.
    fn of(
        files: &Files,
        config_bytes: Vec<u8>,
        names: &[String],
        content: &mut BTreeMap<Digest, Content>,
    ) -> Result<Self> {
        let config = ImageConfig::from_json(&config_bytes)?;
        let mut layers = Vec::new();
        for (name, diff_id) in names.iter().zip(&config.rootfs.diff_ids) {
            let (layer, place) = layer(files, name, diff_id)?;
            content.insert(layer.digest, place);
            layers.push(layer);
        }
        let manifest = Manifest::oci(Descriptor::of(MediaType::OCI_CONFIG, &config_bytes), layers);
        let manifest_bytes = to_canonical_json(&manifest)?;
        content.insert(manifest.config.digest, Content::Made(config_bytes.clone()));
        content.insert(Digest::of(&manifest_bytes), Content::Made(manifest_bytes.clone()));
        Ok(Self { manifest, manifest_bytes, config, config_bytes })
    }

    fn found(self, blobs: &Arc<dyn Blobs>) -> Found {
        let Self { manifest, manifest_bytes, config, config_bytes } = self;
        let descriptor = Descriptor::of(MediaType::OCI_MANIFEST, &manifest_bytes);
        Found { descriptor, manifest_bytes, manifest, config_bytes, config, blobs: blobs.clone() }
    }
}

/// The digest that the name of a configuration says it has, where it says one: `HEX.json`, `blobs/sha256/HEX`.
fn promised(name: &str) -> Option<Digest> {
    let last = name.rsplit('/').next()?;
    Digest::from_hex(last.strip_suffix(".json").unwrap_or(last)).ok()
}

/// The descriptor of a layer's file, and where its content is. An uncompressed one is taken to be what the configuration
/// says, which is checked when it is fetched; of a compressed one the digest has to be found out.
fn layer(files: &Files, name: &str, diff_id: &DiffId) -> Result<(Descriptor, Content)> {
    let (size, mut reader) = files.open_file(name)?.ok_or_else(|| missing(files, name))?;
    let first = beginning(files, name, &mut reader)?;
    let compressed = match Compression::of(&first) {
        Compression::None => {
            let layer = Descriptor::new(MediaType::OCI_LAYER, diff_id.0, size);
            return Ok((layer, Content::File(name.to_owned())));
        }
        Compression::Gzip => Some(MediaType::OCI_LAYER_GZIP),
        Compression::Zstd => Some(MediaType::OCI_LAYER_ZSTD),
        Compression::Bzip2 | Compression::Xz => None,
    };
    let whole = Cursor::new(first).chain(reader);
    let Some(media_type) = compressed else {
        let (found, size) = digest(files, name, decompress(whole)?.1)?;
        if found != diff_id.0 {
            let reason = format!("its digest is {found} where the configuration says {diff_id}");
            return Err(corrupt("layer", files, name, reason));
        }
        return Ok((Descriptor::new(MediaType::OCI_LAYER, found, size), Content::Packed(name.to_owned())));
    };
    let (found, size) = digest(files, name, whole)?;
    Ok((Descriptor::new(media_type, found, size), Content::File(name.to_owned())))
}

/// The digest of a layer's file once it is decompressed.
pub(super) fn diff_id(files: &Files, name: &str) -> Result<DiffId> {
    let (_, reader) = files.open_file(name)?.ok_or_else(|| missing(files, name))?;
    Ok(DiffId(digest(files, name, decompress(reader)?.1)?.0))
}

fn beginning(files: &Files, name: &str, reader: &mut impl Read) -> Result<Vec<u8>> {
    let mut first = Vec::new();
    let read = reader.take(Compression::PREFIX as u64).read_to_end(&mut first);
    read.map_err(Error::io("read", format!("{name} in {}", files.place())))?;
    Ok(first)
}

/// The digest and the size of what a reader gives.
fn digest(files: &Files, name: &str, mut reader: impl Read) -> Result<(Digest, u64)> {
    let (mut hasher, mut size, mut buffer) = (Hasher::new(), 0, vec![0; 256 << 10]);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok((hasher.finish(), size)),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                size += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", format!("{name} in {}", files.place()))(error)),
        }
    }
}

/// The error for a file that the archive names and does not have.
pub(super) fn missing(files: &Files, name: &str) -> Error {
    Error::NotFound { path: name.to_owned(), place: files.place(), hint: None }
}

/// The error for a file of the archive that contradicts itself.
pub(super) fn corrupt(what: &'static str, files: &Files, name: &str, reason: String) -> Error {
    Error::Store(Cause::Corrupt { what, subject: format!("{name} in {}", files.place()), reason })
}

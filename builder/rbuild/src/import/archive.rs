//! Docker archives, as `docker save` writes them: `manifest.json` names configurations, layers and tags. Becomes the same
//! as an image of a layout. Knows no store.

use super::blobs::Blobs;
use super::files::Files;
use super::found::Found;
use crate::error::{Error, Result};
use rbuild_oci::{Descriptor, DiffId, Digest, Hasher, ImageConfig, Manifest, MediaType, to_canonical_json};
use rbuild_store::layer::Compression;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;

/// An image of an archive, and its names there.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The image.
    pub found: Found,
    /// Its names, as they are written there.
    pub names: Vec<String>,
}

/// All images of the archive in these files; none if they have no `manifest.json`.
pub fn images(files: Files) -> Result<Option<Vec<Saved>>> {
    let Some(bytes) = files.read("manifest.json")? else { return Ok(None) };
    let items: Vec<Item> = serde_json::from_slice(&bytes)
        .map_err(|source| Error::Oci(rbuild_oci::Error::Json { what: "manifest.json", source }))?;
    let mut content = BTreeMap::new();
    let mut read = Vec::new();
    for item in items {
        read.push((Documents::read(&files, &item, &mut content)?, item.names.unwrap_or_default()));
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

/// The files of an archive by the digest of what is in them.
#[derive(Debug)]
struct Archive {
    files: Files,
    content: BTreeMap<Digest, String>,
}

impl Blobs for Archive {
    fn open(&self, blob: &Descriptor) -> Result<Option<Box<dyn Read + Send + '_>>> {
        let Some(name) = self.content.get(&blob.digest) else { return Ok(None) };
        Ok(self.files.open_file(name)?.map(|(_, reader)| reader))
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
    fn read(files: &Files, item: &Item, content: &mut BTreeMap<Digest, String>) -> Result<Self> {
        let config_bytes = files.read(&item.config)?.ok_or_else(|| missing(files, &item.config))?;
        let config = ImageConfig::from_json(&config_bytes)?;
        let names = item.layers.as_deref().unwrap_or_default();
        let diff_ids = &config.rootfs.diff_ids;
        if names.len() != diff_ids.len() {
            let reason = format!("it has {} layers and its configuration {}", names.len(), diff_ids.len());
            let subject = format!("{} in {}", item.config, files.place());
            return Err(Error::Store(rbuild_store::Error::Corrupt { what: "image", subject, reason }));
        }
        let mut layers = Vec::new();
        for (name, diff_id) in names.iter().zip(diff_ids) {
            let layer = layer(files, name, diff_id)?;
            content.insert(layer.digest, name.clone());
            layers.push(layer);
        }
        let manifest = Manifest::oci(Descriptor::of(MediaType::OCI_CONFIG, &config_bytes), layers);
        content.insert(manifest.config.digest, item.config.clone());
        Ok(Self { manifest_bytes: to_canonical_json(&manifest)?, manifest, config, config_bytes })
    }

    fn found(self, blobs: &Arc<dyn Blobs>) -> Found {
        let Self { manifest, manifest_bytes, config, config_bytes } = self;
        let descriptor = Descriptor::of(MediaType::OCI_MANIFEST, &manifest_bytes);
        Found { descriptor, manifest_bytes, manifest, config_bytes, config, blobs: blobs.clone() }
    }
}

/// The descriptor of a layer's file. An uncompressed one is taken to be what the configuration says, which is checked
/// when it is fetched; of a compressed one the digest has to be found out.
fn layer(files: &Files, name: &str, diff_id: &DiffId) -> Result<Descriptor> {
    let (size, mut reader) = files.open_file(name)?.ok_or_else(|| missing(files, name))?;
    let mut first = Vec::new();
    let fail = || Error::io::<io::Error>("read", format!("{name} in {}", files.place()));
    reader.by_ref().take(Compression::PREFIX as u64).read_to_end(&mut first).map_err(fail())?;
    let media_type = match Compression::of(&first) {
        Compression::None => return Ok(Descriptor::new(MediaType::OCI_LAYER, diff_id.0, size)),
        Compression::Gzip => MediaType::OCI_LAYER_GZIP,
        Compression::Zstd => MediaType::OCI_LAYER_ZSTD,
        other => {
            let (subject, reason) =
                (format!("{name} in {}", files.place()), format!("it is compressed with {other:?}"));
            return Err(Error::Store(rbuild_store::Error::Refused { what: "layer", subject, reason }));
        }
    };
    let mut hasher = Hasher::new();
    hasher.update(&first);
    let mut buffer = vec![0; 256 << 10];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(Descriptor::new(media_type, hasher.finish(), size)),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(fail()(error)),
        }
    }
}

fn missing(files: &Files, name: &str) -> Error {
    Error::NotFound { path: name.to_owned(), place: files.place(), hint: None }
}

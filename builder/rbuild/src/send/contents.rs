//! What the lists of a layout or an archive say: which documents there are, and what they are called. Writes nothing, and
//! knows neither tar nor directories.
//!
//! As BuildKit and containerd do it, a descriptor stands in `index.json` for each name of an image, with its whole name in
//! one annotation and its tag in another; `manifest.json` says the same in Docker's words.

use crate::error::{Error, Result};
use crate::import::layout::{IMAGE_NAME, REF_NAME};
use rbuild_oci::{Descriptor, Digest, Index, Manifest, MediaType, Platform, Reference, to_canonical_json};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The text of the file `oci-layout`.
pub(crate) const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// The documents that were sent to one place, and their names.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// What the nameless ones are called in a layout, where that was said.
    tag: Option<String>,
    documents: BTreeMap<Digest, (Descriptor, Vec<u8>)>,
    /// In the order in which they came.
    order: Vec<Digest>,
    names: Vec<(Digest, Reference)>,
    /// Those that an index names.
    parts: BTreeSet<Digest>,
}

impl Contents {
    /// Nothing so far; `tag` is what an image without a name will be called.
    pub(super) fn new(tag: Option<String>) -> Self {
        Self { tag, ..Self::default() }
    }

    /// Notes a manifest or an index.
    pub(super) fn document(&mut self, document: &Descriptor, bytes: &[u8]) -> Result<()> {
        if document.media_type.is_index() {
            self.parts.extend(Index::from_json(bytes)?.manifests.iter().map(|part| part.digest));
        }
        let plain = Descriptor::new(document.media_type.clone(), document.digest, document.size);
        if self.documents.insert(document.digest, (plain, bytes.to_vec())).is_none() {
            self.order.push(document.digest);
        }
        Ok(())
    }

    /// Notes a name of a document.
    pub(super) fn name(&mut self, document: &Descriptor, name: &Reference) {
        if !self.names.iter().any(|(digest, known)| *digest == document.digest && known == name) {
            self.names.push((document.digest, name.clone()));
        }
    }

    /// All manifests and indexes with their bytes, in the order in which they came.
    pub(super) fn documents(&self) -> impl Iterator<Item = &(Descriptor, Vec<u8>)> {
        self.order.iter().filter_map(|digest| self.documents.get(digest))
    }

    /// Those that no index names.
    pub(super) fn tops(&self) -> impl Iterator<Item = &(Descriptor, Vec<u8>)> {
        self.documents().filter(|(document, _)| !self.parts.contains(&document.digest))
    }

    /// The entries of `index.json`.
    pub(super) fn entries(&self) -> Vec<Descriptor> {
        let document = |digest: &Digest| self.documents.get(digest).map(|(document, _)| document);
        let names = self.names.iter().filter_map(|(digest, name)| Some(named(document(digest)?, name)));
        let mut entries: Vec<Descriptor> = names.collect();
        for (top, _) in self.tops().filter(|(top, _)| self.names.iter().all(|(digest, _)| *digest != top.digest)) {
            let mut top = top.clone();
            top.annotations.extend(self.tag.iter().map(|tag| (REF_NAME.to_owned(), tag.clone())));
            entries.push(top);
        }
        entries
    }

    /// The entries of `manifest.json`: each image once, of an index that for this machine, else its first.
    pub(super) fn docker_images(&self) -> Result<Vec<DockerImage>> {
        let mut images: Vec<DockerImage> = Vec::new();
        let named = self.names.iter().map(|(digest, _)| digest);
        let tops = self.tops().map(|(top, _)| &top.digest);
        let mut seen = BTreeSet::new();
        for digest in named.chain(tops).filter(|digest| seen.insert(**digest)) {
            let Some(manifest) = self.for_docker(digest)? else { continue };
            let names = self.names.iter().filter(|(known, _)| known == digest).map(|(_, name)| name);
            images.push(DockerImage::of(&manifest, names)?);
        }
        Ok(images)
    }

    /// The manifest of the image that a document is, or holds.
    fn for_docker(&self, digest: &Digest) -> Result<Option<Manifest>> {
        let Some((document, bytes)) = self.documents.get(digest) else { return Ok(None) };
        if !document.media_type.is_index() {
            let manifest = Manifest::from_json(bytes)?;
            let is_image =
                [MediaType::OCI_CONFIG, MediaType::DOCKER_CONFIG].contains(&manifest.config.media_type.as_str());
            return Ok(is_image.then_some(manifest));
        }
        let entries: Vec<Descriptor> =
            Index::from_json(bytes)?.manifests.into_iter().filter(|entry| !entry.is_attestation()).collect();
        let offers = entries.iter().filter_map(|entry| Some((entry.platform.as_ref()?, entry)));
        match Platform::best(offers, &Platform::native()).or(entries.first()) {
            Some(chosen) => self.for_docker(&chosen.digest),
            None => Ok(None),
        }
    }
}

/// A descriptor under a name, for `index.json`.
pub(crate) fn named(target: &Descriptor, name: &Reference) -> Descriptor {
    let mut annotations = target.annotations.clone();
    annotations.insert(IMAGE_NAME.to_owned(), name.to_string());
    let short = name.tag().map(str::to_owned).or_else(|| name.digest().map(Digest::to_string));
    annotations.extend(short.map(|short| (REF_NAME.to_owned(), short)));
    Descriptor { annotations, ..target.clone() }
}

/// An entry of `manifest.json` (Docker image specification 1.2, "Combined Image JSON + Filesystem Changeset Format").
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DockerImage {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

impl DockerImage {
    /// The entry of an image with those names. Foreign layers are refused: such an archive has every layer in it.
    pub(crate) fn of<'a>(manifest: &Manifest, names: impl Iterator<Item = &'a Reference>) -> Result<Self> {
        if let Some(layer) = manifest.layers.iter().find(|layer| layer.media_type.is_foreign_layer()) {
            let reason =
                format!("the layer {} is foreign ({}): a docker-archive cannot do", layer.digest, layer.media_type);
            return Err(Error::Usage(format!("{reason} without it, write an oci-archive")));
        }
        let path = |blob: &Descriptor| format!("blobs/sha256/{}", blob.digest.hex());
        let tag = |name: &Reference| Some(format!("{}:{}", name.familiar_name(), name.tag()?));
        Ok(Self {
            config: path(&manifest.config),
            repo_tags: names.filter_map(tag).collect(),
            layers: manifest.layers.iter().map(path).collect(),
        })
    }

    /// The text of `manifest.json`.
    pub(crate) fn list(images: &[Self]) -> Result<Vec<u8>> {
        Ok(to_canonical_json(&images)?)
    }
}

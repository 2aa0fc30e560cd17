//! Tags, and whether the images that they name are whole; `index.json`; what is kept of layers and histories. Reads
//! documents only.

use super::blobs::files;
use super::{Finding, Looked, Remedy};
use crate::error::{Error, Result};
use crate::prune::familiar;
use rbuild_oci::{Descriptor, DiffId, Digest, ImageConfig, ImageId, Index, Manifest};
use rbuild_store::content::ContentStore;
use rbuild_store::layer::LayerIndex;
use rbuild_store::{Bucket, Store, if_there};
use std::collections::BTreeSet;
use std::fs;

/// Checks all of them.
pub(super) fn check(store: &Store, looked: &mut Looked) -> Result<Vec<Finding>> {
    let mut findings = tags(store, looked)?;
    // Where a tag cannot be read it cannot be told what the list should have.
    if findings.iter().all(|finding| !finding.subject.starts_with("the tag in")) {
        findings.extend(store.refs().stale()?.map(|wrong| Finding {
            subject: "index.json".to_owned(),
            wrong,
            meaning: "other tools see other images here than rbuild does",
            advice: "--repair writes it anew from the tags; so does the next change of a tag",
            remedy: Remedy::Index,
        }));
    }
    findings.extend(indexes(store, looked)?);
    Ok(findings)
}

fn tags(store: &Store, looked: &mut Looked) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let files = store.refs().files()?;
    looked.tags = files.len();
    for (path, tag) in files {
        match tag {
            Ok(None) => {}
            Ok(Some(tag)) => {
                let own = tag.reference.parse().map(|name| store.refs().path(&name));
                if !own.is_ok_and(|own| own == path) {
                    findings.push(misplaced(&path.display().to_string(), &tag.reference));
                }
                let name = familiar(&tag.reference);
                findings.extend(lacking(store, &tag.descriptor, &mut BTreeSet::new()).into_iter().map(|wrong| {
                    Finding {
                        subject: format!("image {name}"),
                        wrong,
                        meaning: "the image cannot be run, built on or sent as a whole",
                        advice: "pull, load or build it again under this name, or `rbuild rmi` it",
                        remedy: Remedy::None,
                    }
                }));
            }
            Err(error) => findings.push(Finding {
                subject: format!("the tag in {}", path.display()),
                wrong: error.to_string(),
                meaning: "nothing that lists tags works",
                advice: "remove the file, and give the image its name again with `rbuild tag`",
                remedy: Remedy::None,
            }),
        }
    }
    Ok(findings)
}

fn misplaced(path: &str, reference: &str) -> Finding {
    Finding {
        subject: format!("the tag in {path}"),
        wrong: format!("it is that of {reference}, which lies elsewhere"),
        meaning: "the name is listed and not found",
        advice: "remove the file, and give the image its name again with `rbuild tag`",
        remedy: Remedy::None,
    }
}

/// What of an image is not here or cannot be read. `seen` are the indexes that were looked into: each is once.
fn lacking(store: &Store, image: &Descriptor, seen: &mut BTreeSet<Digest>) -> Vec<String> {
    let bytes = match store.document(&image.digest) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return vec![format!("its {} {} is missing", kind(image), image.digest)],
        Err(error) => return vec![error.to_string()],
    };
    if image.media_type.is_index() {
        if !seen.insert(image.digest) {
            return Vec::new();
        }
        return match Index::from_json(&bytes) {
            Ok(index) => index.manifests.iter().flat_map(|next| lacking(store, next, seen)).collect(),
            Err(error) => vec![error.to_string()],
        };
    }
    if !image.media_type.is_manifest() {
        return Vec::new();
    }
    match Manifest::from_json(&bytes) {
        Ok(manifest) => blobs(store, &manifest),
        Err(error) => vec![error.to_string()],
    }
}

fn blobs(store: &Store, manifest: &Manifest) -> Vec<String> {
    let (layers, mut wrong) = match layers(store, manifest) {
        Ok(layers) => (layers, Vec::new()),
        Err(reason) => (Vec::new(), vec![reason]),
    };
    for (at, blob) in manifest.layers.iter().enumerate() {
        if !can_be_had(store, &blob.digest, layers.get(at)) {
            wrong.push(format!("its layer {} is missing", blob.digest));
        }
    }
    wrong
}

/// The layers that a manifest's configuration names; none where it is none of an image.
fn layers(store: &Store, manifest: &Manifest) -> std::result::Result<Vec<DiffId>, String> {
    let config = &manifest.config;
    let bytes = store.document(&config.digest).map_err(|error| error.to_string())?;
    let bytes = bytes.ok_or_else(|| format!("its configuration {} is missing", config.digest))?;
    if !config.media_type.is_config() {
        return Ok(Vec::new());
    }
    let found = ImageConfig::from_json(&bytes).map_err(|error| error.to_string())?.rootfs.diff_ids;
    if found.len() == manifest.layers.len() {
        return Ok(found);
    }
    Err(format!("its configuration names {} layers, its manifest {}", found.len(), manifest.layers.len()))
}

/// Whether a layer is here as the manifest names it, or can be had from elsewhere. This is the one place that says what
/// counts as that.
fn can_be_had(store: &Store, blob: &Digest, layer: Option<&DiffId>) -> bool {
    let is_far = |layer| store.layers().far(layer).is_ok_and(|far| far.is_some());
    store.content().has(blob).unwrap_or(false) || layer.is_some_and(is_far)
}

fn kind(image: &Descriptor) -> &'static str {
    if image.media_type.is_index() { "index" } else { "manifest" }
}

/// Layer indexes and the ids of lines of histories.
pub(super) fn indexes(store: &Store, looked: &mut Looked) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let files = files(&store.dir(Bucket::Index))?;
    looked.indexes = files.len();
    for path in files {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(bytes) = if_there(fs::read(&path)).map_err(Error::io("read", path.display()))? else { continue };
        let (what, is_fine) = match name.strip_suffix(".history") {
            Some(_) => ("history", serde_json::from_slice::<Vec<ImageId>>(&bytes).is_ok()),
            None => ("index of a layer", LayerIndex::decode(&bytes).is_some()),
        };
        if !is_fine {
            findings.push(Finding {
                subject: format!("the {what} {name}"),
                wrong: "it cannot be read".to_owned(),
                meaning: "it is made again when it is asked for",
                advice: "--repair puts it away",
                remedy: Remedy::File(path),
            });
        }
    }
    Ok(findings)
}

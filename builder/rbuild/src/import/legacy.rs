//! Docker archives of before 2016 (Docker image specification 1.0): `repositories` says which tag is which image; every
//! layer is an image of its own, `ID/json` with its parent and `ID/layer.tar`. Their configuration is made here as docker
//! makes it. Knows no store.

use super::archive::{corrupt, missing};
use super::budget::Budget;
use super::files::Files;
use super::tarballs::Tarballs;
use crate::error::{Error, Result};
use rbuild_oci::{History, RootFs, Timestamp, to_canonical_json};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// An image of such an archive.
pub(super) struct Legacy {
    /// Its names, `repository:tag`.
    pub(super) names: Vec<String>,
    /// Its configuration in today's form.
    pub(super) config: Vec<u8>,
    /// The names of its layers' files, lowest first.
    pub(super) layers: Vec<String>,
}

/// The most layers that an image may have; docker takes 127.
const MOST_LAYERS: usize = 1024;

/// The images that `repositories` names, those of one content together; none where there is no such file.
pub(super) fn images(files: &Files, tarballs: &mut Tarballs<'_>, budget: &mut Budget) -> Result<Option<Vec<Legacy>>> {
    let Some(bytes) = files.read("repositories")? else { return Ok(None) };
    let repositories: BTreeMap<String, BTreeMap<String, String>> = json("repositories", &bytes)?;
    let mut by_id: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, tags) in repositories {
        for (tag, id) in tags {
            by_id.entry(id).or_default().push(format!("{name}:{tag}"));
        }
    }
    budget.look(by_id.len(), "images")?;
    let mut images = Vec::new();
    for (id, names) in by_id {
        let image = image(files, tarballs, &id, names)?;
        budget.keep(image.config.len() as u64)?;
        images.push(image);
    }
    Ok(Some(images))
}

/// What `ID/json` says of a layer.
#[derive(Deserialize)]
struct Layer {
    #[serde(default)]
    parent: Option<String>,
    #[serde(default)]
    created: Option<Timestamp>,
    #[serde(default)]
    author: Option<String>,
    #[serde(default)]
    comment: Option<String>,
    #[serde(default)]
    container_config: Option<Ran>,
}

#[derive(Deserialize)]
struct Ran {
    #[serde(rename = "Cmd", default)]
    command: Option<Vec<String>>,
}

fn image(files: &Files, tarballs: &mut Tarballs<'_>, id: &str, names: Vec<String>) -> Result<Legacy> {
    let mut ids = Vec::new();
    let (mut history, mut diff_ids, mut layers) = (Vec::new(), Vec::new(), Vec::new());
    let mut next = Some(id.to_owned());
    while let Some(id) = next {
        if ids.contains(&id) {
            return Err(corrupt("image", files, &id, "it is among its own parents".to_owned()));
        }
        if ids.len() == MOST_LAYERS {
            return Err(corrupt("image", files, &id, format!("it is the parent of {MOST_LAYERS} layers")));
        }
        let layer: Layer = json("the json of a layer", &document(files, &id)?)?;
        let file = format!("{id}/layer.tar");
        diff_ids.push(tarballs.diff_id(&file)?);
        layers.push(file);
        next = layer.parent.clone().filter(|parent| !parent.is_empty());
        history.push(step(layer));
        ids.push(id);
    }
    history.reverse();
    diff_ids.reverse();
    layers.reverse();
    let config = config(&document(files, id)?, &RootFs { diff_ids, ..RootFs::default() }, &history)?;
    Ok(Legacy { names, config, layers })
}

fn document(files: &Files, id: &str) -> Result<Vec<u8>> {
    let name = format!("{id}/json");
    files.read(&name)?.ok_or_else(|| missing(files, &name))
}

fn step(layer: Layer) -> History {
    let command = layer.container_config.and_then(|ran| ran.command).unwrap_or_default();
    History {
        created: layer.created,
        created_by: command.join(" "),
        author: layer.author.unwrap_or_default(),
        comment: layer.comment.unwrap_or_default(),
        empty_layer: false,
    }
}

/// The configuration of today for an image with that top layer.
fn config(top: &[u8], rootfs: &RootFs, history: &[History]) -> Result<Vec<u8>> {
    const OF_THE_LAYER: [&str; 6] = ["id", "parent", "Size", "parent_id", "layer_id", "throwaway"];
    let mut config: Map<String, Value> = json("the json of an image", top)?;
    config.retain(|key, _| !OF_THE_LAYER.contains(&key.as_str()));
    let value = |source| Error::Oci(rbuild_oci::Error::Json { what: "image configuration", source });
    config.insert("rootfs".to_owned(), serde_json::to_value(rootfs).map_err(value)?);
    let value = |source| Error::Oci(rbuild_oci::Error::Json { what: "image configuration", source });
    config.insert("history".to_owned(), serde_json::to_value(history).map_err(value)?);
    Ok(to_canonical_json(&config)?)
}

fn json<'a, T: Deserialize<'a>>(what: &'static str, bytes: &'a [u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|source| Error::Oci(rbuild_oci::Error::Json { what, source }))
}

//! The messages of Docker's volume plugin protocol (Docker Engine, "Docker volume plugins"), as JSON has them.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Asks of nothing in particular.
#[derive(Debug, Serialize)]
pub(super) struct Nothing {}

/// Asks for a new volume.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Create<'a> {
    pub(super) name: &'a str,
    pub(super) opts: &'a BTreeMap<String, String>,
}

/// Asks of one volume.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Named<'a> {
    pub(super) name: &'a str,
}

/// Asks of one volume for one user of it.
#[derive(Debug, Serialize)]
pub(super) struct Used<'a> {
    #[serde(rename = "Name")]
    pub(super) name: &'a str,
    #[serde(rename = "ID")]
    pub(super) id: &'a str,
}

/// What a plugin is.
#[derive(Debug, Deserialize)]
pub(super) struct Activated {
    #[serde(rename = "Implements", default)]
    pub(super) implements: Option<Vec<String>>,
}

/// That it is done.
#[derive(Debug, Deserialize)]
pub(super) struct Done {}

/// Where a volume is.
#[derive(Debug, Deserialize)]
pub(super) struct Place {
    #[serde(rename = "Mountpoint", default)]
    pub(super) mountpoint: Option<String>,
}

/// One volume.
#[derive(Debug, Deserialize)]
pub(super) struct Found {
    #[serde(rename = "Volume", default)]
    pub(super) volume: Option<Described>,
}

/// All volumes.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    #[serde(rename = "Volumes", default)]
    pub(super) volumes: Option<Vec<Described>>,
}

/// What a plugin says of a volume.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Described {
    pub(super) name: String,
    #[serde(default)]
    pub(super) mountpoint: Option<String>,
    #[serde(default)]
    pub(super) created_at: Option<String>,
    #[serde(default)]
    pub(super) status: Option<serde_json::Value>,
}

/// How far a plugin reaches.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Capabilities {
    #[serde(rename = "Capabilities", default)]
    pub(super) capabilities: Option<Reach>,
}

/// See [`Capabilities`].
#[derive(Debug, Default, Deserialize)]
pub(super) struct Reach {
    #[serde(rename = "Scope", default)]
    pub(super) scope: String,
}

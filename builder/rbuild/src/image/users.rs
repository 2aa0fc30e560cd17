//! Containers that keep images and volumes from being removed. Knows of a container only what is needed for that.

use crate::error::{Error, Result};
use rbuild_oci::{DiffId, ImageId};
use rbuild_store::{Bucket, Store};
use serde::Deserialize;
use std::io::ErrorKind;

/// A container, as far as it uses things.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    /// Its id, 64 hexadecimal characters.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The image it was made of.
    pub image: UsedImage,
    #[serde(default)]
    mounts: Vec<Mount>,
}

/// The image of a container.
#[derive(Clone, Debug, Deserialize)]
pub struct UsedImage {
    /// Its id.
    pub id: ImageId,
    /// Its layers, lowest first.
    pub layers: Vec<DiffId>,
}

#[derive(Clone, Debug, Deserialize)]
struct Mount {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
}

impl User {
    /// Whether the container mounts that volume.
    pub fn mounts_volume(&self, volume: &str) -> bool {
        self.mounts.iter().any(|mount| mount.kind == "volume" && mount.name.as_deref() == Some(volume))
    }
}

/// All containers, by id.
pub fn users(store: &Store) -> Result<Vec<User>> {
    let bucket = store.dir(Bucket::Containers);
    let failed = || Error::io("list", bucket.display());
    let mut users = Vec::new();
    for entry in std::fs::read_dir(&bucket).map_err(failed())? {
        let path = entry.map_err(failed())?.path().join("config.json");
        match std::fs::read(&path) {
            Ok(bytes) => users.push(serde_json::from_slice::<User>(&bytes).map_err(|error| {
                let (subject, reason) = (path.display().to_string(), error.to_string());
                Error::Store(rbuild_store::Error::Corrupt { what: "container", subject, reason })
            })?),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => return Err(Error::io("read", path.display())(error)),
        }
    }
    users.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(users)
}

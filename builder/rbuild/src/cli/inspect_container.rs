//! What `rbuild inspect` needs of the disk to tell of a container. How it is told is `container::show`'s.

use super::globals;
use super::inspect::driver;
use crate::container::show::{About, VolumePlace, inspect};
use crate::container::{Config, Containers, Status, size};
use crate::ctx::Ctx;
use crate::error::Result;
use crate::image;
use rbuild_oci::{Cancel, ContainerConfig};
use rbuild_store::snapshot::kept_by;
use rbuild_store::{Store, VolumeDriver};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Everything about the container that is called so; its size where there is a way to tell.
pub(super) fn value(store: &Store, name: &str, sizes: Option<Ctx<'_>>) -> Result<Value> {
    let containers = Containers::new(store);
    let entry = containers.find(name)?;
    let config = &entry.config;
    let dir = containers.dir(&config.id);
    let status = entry.state.status();
    let about = About {
        image: of_image(store, config),
        driver: layer(store, (config, &status), &dir)?,
        volumes: volumes(store, config)?,
        auto_remove: containers.is_auto_removed(&config.id),
        status,
        size: sizes.map(|ctx| size(ctx, config)).transpose()?,
        dir,
    };
    Ok(inspect(&entry, &about))
}

/// What the image says; nothing where its documents were taken away by force.
fn of_image(store: &Store, config: &Config) -> ContainerConfig {
    image::find(store, &config.image.id.to_string(), None).map(|image| image.config.config).unwrap_or_default()
}

fn volumes(store: &Store, config: &Config) -> Result<BTreeMap<String, VolumePlace>> {
    let names = config.volume_names();
    let drivers = globals::volumes(store, &Cancel::new())?;
    let mut found = BTreeMap::new();
    for name in names {
        if let Some(volume) = drivers.get(name)? {
            let mountpoint = volume.mountpoint.display().to_string();
            found.insert(name.to_owned(), VolumePlace { mountpoint, driver: volume.driver });
        }
    }
    Ok(found)
}

/// The storage driver of the container's layer, and its directories. The merged tree of an overlay can only be seen
/// through a process that has it.
fn layer(store: &Store, (config, now): (&Config, &Status), dir: &Path) -> Result<(String, Value)> {
    let below = driver(store, &config.image.layers)?;
    let (upper, work) = (dir.join("upper/fs"), dir.join("upper/work"));
    let name = match kept_by(&dir.join("upper"))? {
        Some(name) => name,
        None => below["Name"].as_str().filter(|name| !name.is_empty()).unwrap_or("overlay").to_owned(),
    };
    if !matches!(name.as_str(), "overlay" | "fuse-overlayfs") {
        return Ok((name, json!({ "MergedDir": upper, "UpperDir": upper })));
    }
    let layers = [&below["Data"]["UpperDir"], &below["Data"]["LowerDir"]];
    let lower: Vec<&str> = layers.into_iter().filter_map(Value::as_str).collect();
    let merged = now.pid().map(|pid| format!("/proc/{pid}/root")).unwrap_or_default();
    let data = json!({ "LowerDir": lower.join(":"), "MergedDir": merged, "UpperDir": upper, "WorkDir": work });
    Ok((name, data))
}

//! Datasets that nothing leads to any more. A dataset is found first and what leads to it after that, and links are made
//! before datasets and move from tmp to their place only, so one that is in use is never missed.

use super::command::{PLACE, zfs};
use super::{Datasets, Home};
use crate::error::{Error, Result, if_there};
use rustix::mount::UnmountFlags;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// Destroys them.
pub(super) fn destroy(datasets: &Datasets, home: &Home) -> Result<()> {
    if !datasets.trees.exists() {
        return Ok(());
    }
    let listed = zfs(&["list", "-H", "-r", "-t", "filesystem", "-o", &format!("name,{PLACE}"), &datasets.parent])?;
    let mut used = BTreeSet::new();
    linked_from(&home.path().join("tmp"), 2, &mut used)?;
    linked_from(home.path(), 1, &mut used)?;
    let prefix = format!("{}/", datasets.parent);
    for line in listed.lines() {
        let (name, place) = line.split_once('\t').unwrap_or((line, "-"));
        let Some(name) = name.strip_prefix(&prefix) else { continue };
        linked_from(Path::new(place), 0, &mut used)?;
        if !used.contains(name) {
            remove(datasets, name)?;
        }
    }
    Ok(())
}

/// Adds the names that links in a directory lead to, and in those below it down to some depth.
fn linked_from(directory: &Path, depth: usize, used: &mut BTreeSet<String>) -> Result<()> {
    let failed = || Error::io("list", directory.display());
    let Some(entries) = if_there(std::fs::read_dir(directory)).map_err(failed())? else { return Ok(()) };
    for entry in entries {
        let path = entry.map_err(failed())?.path();
        if let Ok(target) = std::fs::read_link(&path) {
            used.extend(target.file_name().and_then(|name| name.to_str()).map(str::to_owned));
        } else if depth > 0 && !path.ends_with(super::TREES) {
            linked_from(&path, depth - 1, used)?;
        }
    }
    Ok(())
}

/// Destroys one. Clones of it are not: what they share becomes theirs.
fn remove(datasets: &Datasets, name: &str) -> Result<()> {
    let dataset = datasets.dataset(name);
    let snapshots = format!("{dataset}@");
    loop {
        let origins = zfs(&["list", "-H", "-r", "-t", "filesystem", "-o", "name,origin", &datasets.parent])?;
        let mut pairs = origins.lines().filter_map(|line| line.split_once('\t'));
        let Some((clone, _)) = pairs.find(|(_, origin)| origin.starts_with(&snapshots)) else { break };
        zfs(&["promote", clone])?;
    }
    let tree = datasets.trees.join(name);
    // One that is not mounted is destroyed all the same.
    rustix::mount::unmount(&tree, UnmountFlags::DETACH).ok();
    if !destroyed(&dataset) {
        return Ok(());
    }
    if_there(std::fs::remove_dir(&tree)).map_err(Error::io("remove directory", tree.display())).map(drop)
}

/// Destroys a dataset; false if somebody goes on looking at it, so that a later sweep has to. A file system that is a
/// program lets go of it a moment after it was unmounted.
fn destroyed(dataset: &str) -> bool {
    const TRIES: usize = 100;
    (0..TRIES).any(|_| {
        let done = zfs(&["destroy", "-r", dataset]).is_ok();
        if !done {
            std::thread::sleep(Duration::from_millis(20));
        }
        done
    })
}

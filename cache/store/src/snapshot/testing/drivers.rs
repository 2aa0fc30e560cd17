//! The suite for each driver, and the drivers against each other.

use super::conformance;
use super::namespaces::{ids, is_machine_root, is_root};
use crate::layer::{OpaqueXattr, Ownership};
use crate::snapshot::choose::{DRIVERS, Driver};
use crate::snapshot::{Overlay, Snapshotter, Wish};
use rbuild_oci::DiffId;
use std::path::Path;

/// Begins a line that says what a step's layer is.
pub(super) const LAYER: &str = "layer of ";

/// Names the drivers, between spaces, that are tested and have to work where the tests run again.
pub(super) const EXPECTED: &str = "RBUILD_TEST_DRIVERS";

/// fuse-overlayfs takes no names of more than 251 bytes, and changes the time of a directory in which it copies up.
const FUSE_DIFFERS: [&str; 4] = ["copied up, not changed", "long names", "long names removed", "everything removed"];

/// What the machine allows this process.
pub(super) fn wish(bucket: &Path) -> Wish<'_> {
    let marks = if is_machine_root() { OpaqueXattr::Trusted } else { OpaqueXattr::User };
    let ownership = if ids() > 1 { Ownership::Apply } else { Ownership::Recorded };
    Wish { bucket, id_map: "test", driver: None, marks, ownership, dataset: None }
}

/// A driver by name, if it works here.
pub(super) fn open(name: &str, bucket: &Path) -> Option<Box<dyn Snapshotter>> {
    let driver = DRIVERS.iter().find(|driver| driver.name == name).unwrap();
    match (driver.open)(&wish(bucket)).unwrap() {
        Ok(opened) => Some(opened),
        Err(reason) => {
            assert!(std::env::var(EXPECTED).is_err() || !is_wanted(name), "{name}: {reason}");
            eprintln!("SKIP: {name}: {reason}");
            None
        }
    }
}

fn is_wanted(driver: &str) -> bool {
    std::env::var(EXPECTED).map_or(true, |wanted| wanted.split(' ').any(|name| name == driver))
}

/// The drivers that work here, each in a place of its own.
pub(super) fn with_each(test: impl Fn(&str, &dyn Snapshotter, &Path)) {
    if ids() > 1 && !is_root() {
        eprintln!("SKIP: owners need root, if only that of a user namespace");
        return;
    }
    for Driver { name, .. } in DRIVERS.iter().filter(|driver| is_wanted(driver.name)) {
        let place = tempfile::tempdir().unwrap();
        if let Some(driver) = open(name, place.path()) {
            test(name, &*driver, place.path());
        }
    }
}

/// The overlay driver, if it works here.
pub(super) fn overlay(bucket: &Path) -> Option<Overlay> {
    if !is_root() {
        eprintln!("SKIP: overlays need root, if only that of a user namespace");
        return None;
    }
    open("overlay", bucket)?;
    Some(Overlay::open("overlay", &wish(bucket)).unwrap())
}

pub(super) fn copy(bucket: &Path) -> Box<dyn Snapshotter> {
    open("copy", bucket).unwrap()
}

pub(super) fn overlay_layers() -> Option<Vec<(&'static str, DiffId)>> {
    let (here, fresh) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Some(conformance(&overlay(here.path())?, &overlay(fresh.path())?))
}

#[test]
fn drivers_conform_and_give_the_same_layers() {
    let first = std::cell::OnceCell::new();
    with_each(|name, driver, _| {
        let fresh = tempfile::tempdir().unwrap();
        let layers = conformance(driver, &*open(name, fresh.path()).unwrap());
        let (one, expected) = first.get_or_init(|| (name.to_owned(), layers.clone()));
        let is_compared = |step: &str| name != "fuse-overlayfs" || !FUSE_DIFFERS.contains(&step);
        let compared = |layers: &[(&'static str, DiffId)]| -> Vec<_> {
            layers.iter().filter(|(step, _)| is_compared(step)).copied().collect()
        };
        assert_eq!(compared(&layers), compared(expected), "{name} and {one}");
        println!("{name} conforms");
    });
    for (name, layer) in first.get().map(|(_, layers)| layers.as_slice()).unwrap_or_default() {
        println!("{LAYER}{name}: {layer}");
    }
}

//! The suite for each driver, and the drivers against each other.

use super::conformance;
use super::namespaces::{ids, is_machine_root, is_root};
use crate::layer::{OpaqueXattr, Ownership};
use crate::snapshot::{Copy, Overlay, Snapshotter, Wish, probe};
use rbuild_oci::DiffId;
use std::path::Path;

/// Begins a line that says what a step's layer is.
pub(super) const LAYER: &str = "layer of ";

/// What the machine allows this process.
pub(super) fn wish(bucket: &Path) -> Wish<'_> {
    let marks = if is_machine_root() { OpaqueXattr::Trusted } else { OpaqueXattr::User };
    let ownership = if ids() > 1 { Ownership::Apply } else { Ownership::Recorded };
    Wish { bucket, id_map: "test", driver: None, marks, ownership }
}

/// The overlay driver, if it works here.
pub(super) fn overlay(bucket: &Path) -> Option<Overlay> {
    let Wish { id_map, marks, ownership, .. } = wish(bucket);
    if !is_root() {
        eprintln!("SKIP: overlays need root, if only that of a user namespace");
        return None;
    }
    let driver = Overlay::open(bucket, id_map, marks, ownership).unwrap();
    if let Some(reason) = probe::overlay(driver.home(), marks).unwrap() {
        eprintln!("SKIP: {reason}");
        return None;
    }
    Some(driver)
}

pub(super) fn copy(bucket: &Path) -> Copy {
    Copy::open(bucket, "test", wish(bucket).ownership).unwrap()
}

pub(super) fn overlay_layers() -> Option<Vec<(&'static str, DiffId)>> {
    let (here, fresh) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Some(conformance(&overlay(here.path())?, &overlay(fresh.path())?))
}

fn copy_layers() -> Option<Vec<(&'static str, DiffId)>> {
    if ids() > 1 && !is_root() {
        eprintln!("SKIP: owners need root, if only that of a user namespace");
        return None;
    }
    let (here, fresh) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Some(conformance(&copy(here.path()), &copy(fresh.path())))
}

#[test]
fn overlay_and_copy_conform_and_give_the_same_layers() {
    if let (Some(overlay), Some(copy)) = (overlay_layers(), copy_layers()) {
        assert_eq!(overlay, copy);
        for (name, layer) in overlay {
            println!("{LAYER}{name}: {layer}");
        }
    }
}

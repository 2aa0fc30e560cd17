//! Stacks that are deeper than overlayfs takes: what a step sees on them is what the copy driver has.

use super::drivers::{copy, overlay};
use super::{Build, EPOCH, Layers, World, tree};
use crate::snapshot::{Draft, Place, Rootfs, Snapshotter};
use rbuild_oci::Cancel;

/// Deep enough for two merged groups and some single layers.
const HEIGHT: usize = 140;

/// Each step adds, deletes, replaces or blanks something that an earlier one made, now in its group, now below it.
fn act(at: &World, number: usize) {
    at.files(&["common/", &format!("common/{number}")]);
    let before = |distance: usize| number.checked_sub(distance).map(|number| format!("common/{number}"));
    if let Some(old) = before(3).filter(|_| number.is_multiple_of(3)) {
        at.remove(&old);
    }
    if let Some(old) = before(70).filter(|_| number.is_multiple_of(5)) {
        at.remove(&old);
        at.files(&[&format!("{old}/"), &format!("{old}/x")]);
    }
    match number {
        3 => at.files(&["blank/", "blank/f", "blank/g"]),
        70 => {
            at.remove("blank");
            at.files(&["blank/", "blank/f"]);
        }
        80 => at.remove("blank/f"),
        _ => {}
    }
    match number % 20 {
        0 => at.files(&[&format!("tree{number}/"), &format!("tree{number}/old"), &format!("tree{number}/kept")]),
        10 => at.chmod(&format!("tree{}", number - 10), 0o700),
        15 if number > 90 => at.remove(&format!("tree{}", number - 95)),
        16 if number > 90 => at.files(&[&format!("tree{}/", number - 96), &format!("tree{}/new", number - 96)]),
        17 => at.remove(&format!("tree{}/old", number - 17)),
        _ => {}
    }
}

fn see(draft: &Draft) -> Vec<String> {
    tree::dump(&World::enter(draft.rootfs()).root)
}

#[test]
fn a_deep_stack_looks_the_same_merged() {
    let (over, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(overlay) = overlay(over.path()) else { return };
    let (layers, cancel) = (Layers::default(), Cancel::default());
    let mut build = Build::new(&overlay, &layers, Some(EPOCH));
    for number in 0..HEIGHT {
        build.step(|at| act(at, number));
    }
    let copy = copy(whole.path());
    for height in [HEIGHT - 1, HEIGHT] {
        let stack = &build.stack[..height];
        let drafts = [&overlay as &dyn Snapshotter, &*copy].map(|driver| {
            driver.ensure(stack, &layers, &cancel).unwrap();
            driver.prepare(stack, Place::Temporary, &cancel).unwrap()
        });
        let Rootfs::Overlay { lowers, .. } = drafts[0].rootfs() else { panic!("an overlay") };
        assert!(lowers.len() < 20, "{} lowers", lowers.len());
        tree::assert_same(&see(&drafts[0]), &see(&drafts[1]), "deep");
        let again = overlay.prepare(stack, Place::Temporary, &cancel).unwrap();
        let world = World::enter(again.rootfs());
        let listed: Vec<_> =
            std::fs::read_dir(world.path.join("blank")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(listed.is_empty(), "{listed:?}");
    }
}

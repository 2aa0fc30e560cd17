//! Layers that are laid over a sibling: what a step sees on them is what the copy driver has, for as long as both are there.

use super::drivers::{copy, overlay, with_each};
use super::{Build, EPOCH, Layers, World, tree};
use crate::snapshot::{Draft, Place, Rootfs, Snapshotter, StackLayer};
use rbuild_oci::Cancel;
use std::path::PathBuf;

/// Enough files to be worth it.
const FILES: usize = 600;

fn base(at: &World) {
    at.files(&["etc/", "etc/f", "src/", "src/below", "deep/", "deep/x"]);
}

/// The layer of many files, and variants of it.
fn many(at: &World) {
    at.files(&["src/many/", "src/gone/", "src/gone/f", "etc/new"]);
    for number in 0..FILES {
        at.files(&[&format!("src/many/{number}")]);
    }
    at.root.symlink(b"many/1", b"src/link").unwrap();
    at.root.hardlink(b"src/many/2", b"src/many/two").unwrap();
}

fn edited(at: &World) {
    many(at);
    at.append("src/many/7", b"more");
    at.chmod("src/many", 0o2750);
    at.remove("src/many/9");
    at.remove("src/gone");
    at.remove("src/link");
    at.files(&["src/link", "src/added/", "src/added/f", "deep/y"]);
}

fn edited_again(at: &World) {
    edited(at);
    at.append("src/many/8", b"more");
}

/// The base and, on it, each variant.
fn stacks(driver: &dyn Snapshotter, layers: &Layers, variants: &[fn(&World)]) -> Vec<Vec<StackLayer>> {
    let mut build = Build::new(driver, layers, Some(EPOCH));
    build.step(base);
    let one = |variant: &fn(&World)| {
        let mut build = Build { stack: build.stack.clone(), ..Build::new(driver, layers, Some(EPOCH)) };
        build.step(variant);
        build.stack
    };
    variants.iter().map(one).collect()
}

fn draft(driver: &dyn Snapshotter, stack: &[StackLayer], layers: &Layers) -> Draft {
    let cancel = Cancel::default();
    driver.ensure(stack, layers, &cancel).unwrap();
    driver.prepare(stack, Place::Temporary, &cancel).unwrap()
}

fn see(draft: &Draft) -> Vec<String> {
    tree::dump(&World::enter(draft.rootfs()).root)
}

fn lowers(draft: &Draft) -> &[PathBuf] {
    match draft.rootfs() {
        Rootfs::Overlay { lowers, .. } => lowers,
        Rootfs::Fuse(overlay) => &overlay.lowers,
        Rootfs::Directory(_) => panic!("an overlay"),
    }
}

#[test]
fn a_layer_like_one_that_is_there_is_laid_over_it() {
    with_each(|name, driver, _| {
        if !["overlay", "fuse-overlayfs"].contains(&name) {
            return;
        }
        let (place, layers) = (tempfile::tempdir().unwrap(), Layers::default());
        let whole = copy(place.path());
        let stacks = stacks(&*whole, &layers, &[many, edited, edited_again]);
        for (stack, height) in stacks.iter().zip([2, 3, 3]) {
            let drafts = [driver, &*whole].map(|driver| draft(driver, stack, &layers));
            assert_eq!(lowers(&drafts[0]).len(), height, "{name}");
            tree::assert_same(&see(&drafts[0]), &see(&drafts[1]), name);
        }
        let [first, second] = [&stacks[0], &stacks[1]].map(|stack| stack[1].chain);
        let home = driver.home();
        assert_eq!(home.under(&second).unwrap(), Some(first));
        home.sync([&second]).unwrap();
        assert!(home.path().join(first.hex()).join("synced").exists(), "{name}");
    });
}

#[test]
fn without_its_sibling_a_snapshot_is_made_again() {
    let (over, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(first) = overlay(over.path()) else { return };
    let (layers, whole) = (Layers::default(), copy(whole.path()));
    let stacks = stacks(&*whole, &layers, &[many, edited]);
    for (stack, height) in stacks.iter().zip([2, 3]) {
        assert_eq!(lowers(&draft(&first, stack, &layers)).len(), height);
    }
    first.home().remove(&stacks[0][1].chain).unwrap();
    let Some(later) = overlay(over.path()) else { return };
    let drafts = [&later as &dyn Snapshotter, &*whole].map(|driver| draft(driver, &stacks[1], &layers));
    assert_eq!(lowers(&drafts[0]).len(), 2);
    tree::assert_same(&see(&drafts[0]), &see(&drafts[1]), "made again");
    let shelf = later.home().path().join("upon").join(stacks[0][0].chain.hex());
    let offered = || std::fs::read_dir(&shelf).unwrap().count();
    assert_eq!(offered(), 2);
    later.sweep().unwrap();
    assert_eq!(offered(), 1);
    later.home().remove(&stacks[1][1].chain).unwrap();
    later.sweep().unwrap();
    assert!(!shelf.exists());
}

#[test]
fn data_that_is_not_what_its_entry_says_is_not_laid_out() {
    let (over, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(overlay) = overlay(over.path()) else { return };
    let layers = Layers::default();
    let stacks = stacks(&*copy(whole.path()), &layers, &[many, edited]);
    draft(&overlay, &stacks[0], &layers);
    let edited = stacks[1][1].diff;
    let place = layers.0.lock().unwrap()[&edited].0.windows(5).position(|bytes| bytes == b"7more").unwrap();
    layers.0.lock().unwrap().get_mut(&edited).unwrap().0[place] ^= 1;
    let error = overlay.ensure(&stacks[1], &layers, &Cancel::default()).unwrap_err();
    assert!(error.to_string().starts_with("file /src/many/7 is damaged"), "{error}");
    assert!(!overlay.home().has(&stacks[1][1].chain).unwrap());
}

#[test]
fn merged_layers_have_all_of_what_lies_over_a_sibling() {
    let (over, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(overlay) = overlay(over.path()) else { return };
    let (layers, whole) = (Layers::default(), copy(whole.path()));
    let stacks = stacks(&*whole, &layers, &[many, edited]);
    draft(&overlay, &stacks[0], &layers);
    let mut build = Build { stack: stacks[1].clone(), ..Build::new(&overlay, &layers, Some(EPOCH)) };
    for number in 0..130 {
        build.step(|at| at.files(&["src/many/", &format!("src/many/late{number}")]));
    }
    let drafts = [&overlay as &dyn Snapshotter, &*whole].map(|driver| draft(driver, &build.stack, &layers));
    assert!(overlay.home().under(&stacks[1][1].chain).unwrap().is_some() && lowers(&drafts[0]).len() < 20);
    tree::assert_same(&see(&drafts[0]), &see(&drafts[1]), "merged");
}

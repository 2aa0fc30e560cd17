//! Layers that are laid over a sibling: what a step sees on them is what the copy driver has, for as long as both are there.

use super::drivers::{copy, open, overlay, with_each};
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

fn edited_thrice(at: &World) {
    edited_again(at);
    at.chmod("src/many/8", 0o600);
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
        assert_eq!(driver.home().under(&second).unwrap(), Some(first));
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
fn a_damaged_layer_is_not_laid_over_another() {
    let (over, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(overlay) = overlay(over.path()) else { return };
    let layers = Layers::default();
    let stacks = stacks(&*copy(whole.path()), &layers, &[many, edited]);
    draft(&overlay, &stacks[0], &layers);
    let edited = stacks[1][1].diff;
    let place = layers.0.lock().unwrap()[&edited].0.windows(5).position(|bytes| bytes == b"7more").unwrap();
    layers.0.lock().unwrap().get_mut(&edited).unwrap().0[place] ^= 1;
    let error = overlay.ensure(&stacks[1], &layers, &Cancel::default()).unwrap_err();
    assert!(error.to_string().starts_with(&format!("layer {edited} is damaged")), "{error}");
    assert!(!overlay.home().has(&stacks[1][1].chain).unwrap());
}

#[test]
fn what_lies_over_a_sibling_is_none() {
    let (over, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(overlay) = overlay(over.path()) else { return };
    let (layers, whole) = (Layers::default(), copy(whole.path()));
    let stacks = stacks(&*whole, &layers, &[edited, edited_again, edited_thrice]);
    let check = |driver: &dyn Snapshotter, stack: &[StackLayer], height: usize| {
        let drafts = [driver, &*whole].map(|driver| draft(driver, stack, &layers));
        assert_eq!(lowers(&drafts[0]).len(), height);
        tree::assert_same(&see(&drafts[0]), &see(&drafts[1]), "over a whole one");
    };
    let [first, second, _] = [0, 1, 2].map(|at: usize| stacks[at][1].chain);
    check(&overlay, &stacks[0], 2);
    check(&overlay, &stacks[1], 3);
    // The first one goes, and comes back over the second one, which is whole then; it is still offered.
    overlay.home().remove(&first).unwrap();
    let later = open("overlay", over.path()).unwrap();
    check(&*later, &stacks[1], 2);
    check(&*later, &stacks[0], 3);
    check(&*later, &stacks[2], 3);
    assert_eq!(later.home().under(&stacks[2][1].chain).unwrap(), Some(second));
    // What lies over one that came back leaning is made again.
    later.home().remove(&second).unwrap();
    let last = open("overlay", over.path()).unwrap();
    for (stack, height) in [(&stacks[2], 2), (&stacks[1], 3), (&stacks[0], 3)] {
        check(&*last, stack, height);
    }
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

/// Numbers that look random, the same ones for each seed (xorshift64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % count
    }

    fn directory(&mut self) -> String {
        let depth = self.below(3);
        (0..depth).map(|_| format!("d{}/", self.below(3))).collect()
    }

    /// Changes something somewhere.
    fn change(&mut self, at: &World) {
        let directory = self.directory();
        let trunk: Vec<&str> = directory.split_inclusive('/').collect();
        for depth in 1..=trunk.len() {
            let path = trunk[..depth].concat();
            if at.root.stat(path.as_bytes()).is_ok_and(|meta| !meta.is_dir()) {
                at.remove(path.trim_end_matches('/'));
            }
            at.files(&[&path]);
        }
        let [path, other] = [self.below(4), self.below(4)].map(|number| format!("{directory}{number}"));
        match self.below(9) {
            0 | 1 => at.remove(&path),
            2 if !directory.is_empty() => at.remove(directory.trim_end_matches('/')),
            3 => at.replace_by_dir(&path),
            4 if path != other && at.root.stat(path.as_bytes()).is_ok_and(|meta| !meta.is_dir()) => {
                at.relink(&path, &other);
            }
            5 => {
                at.remove(&path);
                at.root.symlink(other.as_bytes(), path.as_bytes()).unwrap();
            }
            6 => at.chmod(&directory, 0o700 + self.below(8) as u32),
            _ => {
                at.remove(&path);
                at.file(&path, self.below(1000).to_string().as_bytes());
            }
        }
    }
}

#[test]
fn whatever_differs_is_there() {
    let (over, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(overlay) = overlay(over.path()) else { return };
    let whole = copy(whole.path());
    let mut laid_over = 0;
    for seed in 1..=60 {
        let layers = Layers::default();
        let scatter = |dice: &mut Dice, at: &World, changes: u64| (0..changes).for_each(|_| dice.change(at));
        let start = |seed: u64| Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut build = Build::new(&*whole, &layers, Some(EPOCH));
        build.step(|at| scatter(&mut start(seed), at, 20));
        let variants = [0, 3].map(|more| {
            let mut build = Build { stack: build.stack.clone(), ..Build::new(&*whole, &layers, Some(EPOCH)) };
            build.step(|at| {
                at.file("large", &vec![seed as u8; 2 << 20]);
                scatter(&mut start(seed + 1000), at, 12);
                scatter(&mut start(seed + 2000), at, more);
            });
            build.stack
        });
        for stack in &variants {
            let drafts = [&overlay as &dyn Snapshotter, &*whole].map(|driver| draft(driver, stack, &layers));
            tree::assert_same(&see(&drafts[0]), &see(&drafts[1]), &format!("seed {seed}"));
        }
        laid_over += usize::from(overlay.home().under(&variants[1][1].chain).unwrap().is_some());
    }
    assert!((20..60).contains(&laid_over), "{laid_over} of 60");
}

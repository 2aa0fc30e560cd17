//! What becomes of snapshots and drafts: kept, removed, raced for, torn by a crash. And which driver is chosen.

use super::drivers::{open, wish, with_each};
use super::{Build, Layers, World, words};
use crate::error::Error;
use crate::root_dir::{BTRFS, RootDir, WalkEntry};
use crate::snapshot::choose::{DRIVERS, Driver};
use crate::snapshot::filesystem;
use crate::snapshot::{
    Draft, Place, Snapshotter, StackLayer, Wish, choose, describe, kept_by, known_driver, sweep_datasets, view,
};
use rbuild_oci::{Cancel, DiffId, Digest};
use std::path::Path;

/// Runs a test with each driver that works here.
fn with_drivers(test: impl Fn(&dyn Snapshotter, &Path)) {
    with_each(|_, driver, bucket| test(driver, bucket));
}

/// The name of a driver, as its home has it.
fn name_of(driver: &dyn Snapshotter) -> String {
    driver.home().path().parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned()
}

/// Whether its drafts are layers over layers, and not whole trees.
fn is_layered(driver: &dyn Snapshotter) -> bool {
    ["overlay", "fuse-overlayfs"].contains(&&*name_of(driver))
}

/// A stack of two layers.
fn two_layers<'a>(driver: &'a dyn Snapshotter, layers: &'a Layers) -> Vec<StackLayer> {
    let mut build = Build::new(driver, layers, None);
    build.step(|at| at.files(&["d/", "d/f"]));
    build.step(|at| at.files(&["d/g"]));
    build.stack
}

fn remove_all(driver: &dyn Snapshotter, stack: &[StackLayer]) {
    for layer in stack {
        driver.home().remove(&layer.chain).unwrap();
    }
}

fn prepare(driver: &dyn Snapshotter, stack: &[StackLayer], place: Place<'_>) -> Draft {
    driver.prepare(stack, place, &Cancel::default()).unwrap()
}

fn ensure(driver: &dyn Snapshotter, stack: &[StackLayer], layers: &Layers) -> crate::Result<()> {
    driver.ensure(stack, layers, &Cancel::default())
}

fn changed(driver: &dyn Snapshotter, draft: &Draft, stack: &[StackLayer]) -> String {
    words(&driver.changes(draft, &view(stack), &Cancel::default()).unwrap().entries)
}

/// The same driver as another process sees it: it trusts nothing yet.
fn again(driver: &dyn Snapshotter, bucket: &Path) -> Box<dyn Snapshotter> {
    open(&name_of(driver), bucket).unwrap()
}

/// Looking at what another process may have mounted makes nothing and clears nothing away.
#[test]
fn a_kept_draft_is_looked_at_without_touching_it() {
    with_drivers(|driver, _| {
        let layers = Layers::default();
        let stack = two_layers(driver, &layers);
        let place = tempfile::tempdir().unwrap();
        let look = || driver.look(&stack, place.path(), &Cancel::default()).unwrap();
        assert!(look().is_none(), "nothing was prepared there");
        let draft = prepare(driver, &stack, Place::Kept(place.path()));
        std::fs::write(draft.written().join("new"), "x").unwrap();
        let listed = || {
            let mut names: Vec<_> =
                std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let (before, seen) = (listed(), look().unwrap());
        assert_eq!(changed(driver, &seen, &stack), changed(driver, &draft, &stack));
        assert_eq!((seen.written(), seen.rootfs()), (draft.written(), draft.rootfs()));
        assert_eq!(listed(), before);
        assert!(driver.commit(seen, &stack[0].chain, &stack[0].index).is_err(), "it is not ours to give away");
    });
}

#[test]
fn snapshots_are_listed_and_removed_and_made_again() {
    with_drivers(|driver, _| {
        let layers = Layers::default();
        let stack = two_layers(driver, &layers);
        let names = |driver: &dyn Snapshotter| -> Vec<_> {
            driver.home().list().unwrap().iter().map(|stored| stored.chain).collect()
        };
        let mut expected: Vec<_> = stack.iter().map(|layer| layer.chain).collect();
        expected.sort();
        assert_eq!(names(driver), expected);
        for chain in &expected {
            driver.home().remove(chain).unwrap();
            driver.home().remove(chain).unwrap();
        }
        assert_eq!(names(driver), []);
        ensure(driver, &stack, &layers).unwrap();
        assert!(names(driver).contains(&stack[1].chain));
    });
}

#[test]
fn a_snapshot_of_another_boot_is_unpacked_again() {
    with_drivers(|driver, bucket| {
        let layers = Layers::default();
        let stack = two_layers(driver, &layers);
        let snapshot = driver.home().path().join(stack[1].chain.hex());
        std::fs::remove_file(snapshot.join("boot")).unwrap();
        std::os::unix::fs::symlink("another", snapshot.join("boot")).unwrap();
        std::fs::write(snapshot.join("fs/torn"), "").unwrap();
        ensure(&*again(driver, bucket), &stack, &layers).unwrap();
        assert!(snapshot.join("fs/d/g").exists() && !snapshot.join("fs/torn").exists());
    });
}

#[test]
fn two_at_once_make_one_snapshot() {
    with_drivers(|driver, bucket| {
        let layers = Layers::default();
        let stack = two_layers(driver, &layers);
        remove_all(driver, &stack);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| ensure(&*again(driver, bucket), &stack, &layers).unwrap());
            }
        });
        assert_eq!(std::fs::read_dir(driver.home().path().join("tmp")).unwrap().count(), 0);
        assert!(driver.home().path().join(stack[1].chain.hex()).join("fs/d/g").exists());
    });
}

#[test]
fn a_layer_that_is_not_what_its_name_says_is_refused() {
    with_drivers(|driver, _| {
        let layers = Layers::default();
        let mut stack = two_layers(driver, &layers);
        remove_all(driver, &stack);
        let other = DiffId(Digest::of(b"other"));
        let tarball = layers.0.lock().unwrap()[&stack[1].diff].clone();
        layers.0.lock().unwrap().insert(other, tarball);
        stack[1].diff = other;
        let error = ensure(driver, &stack, &layers).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        assert!(!driver.home().list().unwrap().iter().any(|stored| stored.chain == stack[1].chain));
        assert_eq!(std::fs::read_dir(driver.home().path().join("tmp")).unwrap().count(), 0);
    });
}

#[test]
fn a_dropped_draft_goes_and_an_abandoned_one_is_swept() {
    with_drivers(|driver, _| {
        let layers = Layers::default();
        let stack = two_layers(driver, &layers);
        let temporary = driver.home().path().join("tmp");
        let count = || std::fs::read_dir(&temporary).unwrap().count();
        let draft = prepare(driver, &stack, Place::Temporary);
        std::fs::create_dir_all(temporary.join("left/fs/d")).unwrap();
        assert_eq!(count(), 2);
        driver.home().sweep().unwrap();
        assert!(draft.written().exists());
        assert_eq!(count(), 1);
        drop(draft);
        assert_eq!(count(), 0);
    });
}

#[test]
fn a_kept_draft_is_found_again_and_never_becomes_a_snapshot() {
    with_drivers(|driver, _| {
        let (layers, place) = (Layers::default(), tempfile::tempdir().unwrap());
        let stack = two_layers(driver, &layers);
        let draft = prepare(driver, &stack, Place::Kept(place.path()));
        World::enter(draft.rootfs()).files(&["new"]);
        drop(draft);
        let draft = prepare(driver, &stack, Place::Kept(place.path()));
        let world = World::enter(draft.rootfs());
        world.remove("d/f");
        assert!(world.root.stat(b"new").is_ok() && world.root.stat(b"d/g").is_ok());
        drop(world);
        assert_eq!(changed(driver, &draft, &stack), "d/ -d/f new");
        let error = driver.commit(draft, &stack[0].chain, &stack[0].index).unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error}");
        assert!(place.path().join("fs/new").exists());
    });
}

/// The one difference between the drivers: what is written through one name of a file of a lower layer.
#[test]
fn a_write_through_one_of_several_names() {
    with_drivers(|driver, _| {
        let layers = Layers::default();
        let mut build = Build::new(driver, &layers, None);
        build.step(|at| {
            at.files(&["a"]);
            at.root.hardlink(b"a", b"b").unwrap();
        });
        let found = words(&build.step(|at| at.append("b", b"more")).entries);
        assert_eq!(found, if name_of(driver) == "overlay" { "b" } else { "a b>a" }, "{}", name_of(driver));
    });
}

#[test]
fn drivers_are_chosen_by_name_or_by_what_works() {
    let place = tempfile::tempdir().unwrap();
    let choose = |driver| choose(Wish { driver, ..wish(place.path()) });
    let works = |driver: &Driver| (driver.open)(&wish(place.path())).unwrap().is_ok();
    let best = choose(None).unwrap();
    assert_eq!(best.name, DRIVERS.iter().find(|driver| works(driver)).unwrap().name, "{best:?}");
    for (asked, name) in [
        ("vfs", "copy"),
        ("copy", "copy"),
        ("overlay", "overlay"),
        ("overlay2", "overlay"),
        ("overlayfs", "overlay"),
        ("reflink", "reflink"),
        ("btrfs", "btrfs"),
        ("zfs", "zfs"),
        ("fuse-overlayfs", "fuse-overlayfs"),
    ] {
        match choose(Some(asked)) {
            Ok(chosen) => assert_eq!(chosen.name, name),
            Err(error) => {
                assert!(DRIVERS.iter().any(|driver| driver.name == name && !works(driver)), "{asked}: {error}");
            }
        }
    }
    for (asked, reason) in [("aufs", "gone from Docker"), ("devicemapper", "reflink"), ("nonsense", "overlay2")] {
        let error = choose(Some(asked)).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(known_driver(asked).unwrap_err().to_string(), error.to_string());
    }
    let root = RootDir::open(place.path()).unwrap();
    // That overlays work is noted down.
    let is_left = |found: &WalkEntry| !found.meta.is_dir() && found.name() != b"worked";
    let is_file = |found: &crate::Result<WalkEntry>| found.as_ref().is_ok_and(is_left);
    assert_eq!(root.walk(b"").unwrap().filter(is_file).count(), 0);
}

#[test]
fn info_says_why_each_other_driver_is_not_the_one() {
    let place = tempfile::tempdir().unwrap();
    let chosen = choose(wish(place.path())).unwrap();
    let lines = describe(wish(place.path()), &chosen).unwrap();
    println!("{lines:?}");
    for driver in &DRIVERS {
        let line = lines.iter().find(|(name, _)| *name == format!("Not {}", driver.name));
        assert_eq!(line.is_none(), driver.name == chosen.name, "{lines:?}");
    }
    assert!(lines[0].0 == "Backing Filesystem" && lines[1].0 == "Supports d_type");
}

#[test]
fn what_one_driver_keeps_no_other_touches() {
    with_drivers(|driver, _| {
        let (layers, place) = (Layers::default(), tempfile::tempdir().unwrap());
        let stack = two_layers(driver, &layers);
        assert_eq!(kept_by(place.path()).unwrap(), None);
        let draft = prepare(driver, &stack, Place::Kept(place.path()));
        World::enter(draft.rootfs()).files(&["new"]);
        drop(draft);
        assert_eq!(kept_by(place.path()).unwrap(), Some(name_of(driver)));
        with_each(|name, other, _| {
            ensure(other, &stack, &layers).unwrap();
            let kept = || other.prepare(&stack, Place::Kept(place.path()), &Cancel::default());
            if name != name_of(driver) {
                let error = kept().unwrap_err().to_string();
                assert!(error.contains(&format!("--storage-driver {}", name_of(driver))), "{error}");
            }
        });
    });
}

#[test]
fn what_was_kept_before_places_were_marked_is_still_told_apart() {
    with_drivers(|driver, _| {
        let (layers, place) = (Layers::default(), tempfile::tempdir().unwrap());
        let stack = two_layers(driver, &layers);
        assert!(driver.look(&stack, place.path(), &Cancel::default()).unwrap().is_none());
        drop(prepare(driver, &stack, Place::Kept(place.path())));
        let seen = driver.look(&stack, place.path(), &Cancel::default()).unwrap().unwrap();
        assert!(World::enter(seen.rootfs()).root.stat(b"d/g").is_ok());
        std::fs::remove_file(place.path().join("driver")).unwrap();
        let guessed = if is_layered(driver) { "overlay" } else { "copy" };
        assert_eq!(kept_by(place.path()).unwrap().as_deref(), Some(guessed));
    });
}

#[test]
fn a_lower_snapshot_goes_and_an_upper_one_stays() {
    with_drivers(|driver, bucket| {
        if is_layered(driver) {
            return;
        }
        let layers = Layers::default();
        let stack = two_layers(driver, &layers);
        let other = prepare(driver, &stack[..1], Place::Temporary);
        driver.home().remove(&stack[0].chain).unwrap();
        driver.sweep().unwrap();
        let draft = prepare(driver, &stack, Place::Temporary);
        for (draft, name) in [(&draft, "d/g"), (&other, "d/f")] {
            assert!(draft.written().join(name).exists(), "{}: {name}", name_of(driver));
        }
        drop((draft, other));
        remove_all(driver, &stack);
        sweep_datasets(bucket).unwrap();
        driver.sweep().unwrap();
        let left = |name: &str| std::fs::read_dir(driver.home().path().join(name)).map_or(0, Iterator::count);
        assert_eq!((left("tmp"), left("trees")), (0, 0));
    });
}

#[test]
fn subvolumes_that_a_step_made_are_directories_to_the_next() {
    with_drivers(|driver, bucket| {
        if filesystem::magic(bucket).unwrap() != BTRFS || name_of(driver) == "overlay" {
            return;
        }
        let layers = Layers::default();
        let mut build = Build::new(driver, &layers, None);
        build.step(|at| at.files(&["f"]));
        let made = build.step(|at| {
            at.root.top().create_subvolume(b"sub").unwrap();
            at.root.open_dir(b"sub").unwrap().create_subvolume(b"inner").unwrap();
            at.files(&["sub/g", "sub/inner/h"]);
        });
        assert_eq!(words(&made.entries), "sub/ sub/g sub/inner/ sub/inner/h");
        let next = build.step(|at| {
            assert!(at.root.stat(b"sub/g").is_ok() && at.root.stat(b"sub/inner/h").is_ok());
            at.remove("sub/g");
        });
        assert_eq!(words(&next.entries), "sub/ -sub/g");
    });
}

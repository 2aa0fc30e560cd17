//! A store that lost or altered something: noticed, and made good where it can be.

use crate::common::{context, fsck};
use crate::world::{Report, World, Writes, shell};
use rbuild_runner::Exit;
use rbuild_runner::testing::Scripted;
use rbuild_store::Bucket;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const STEPS: &str = "FROM scratch\nRUN make\nCOPY app /app\nRUN test\n";

fn built() -> (World, Scripted, TempDir, Report) {
    let context = context(&[("Dockerfile", STEPS), ("app", "a")]);
    let world = World::new();
    let executor = Scripted::new().writes("make", "made", "m").on(&shell("test"), |_, root, _| {
        fs::write(root.join("tested"), fs::read(root.join("made"))?).map(|()| Exit::Code(0))
    });
    let report = world.build(&context, &executor, &["-t", "x"]);
    (world, executor, context, report)
}

fn alter(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let last = bytes.len() / 2;
    bytes[last] ^= 0x40;
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

fn snapshots(world: &World) -> PathBuf {
    world.store.dir(Bucket::Snapshots)
}

#[test]
fn a_record_whose_layer_is_gone_is_a_miss() {
    let (world, executor, context, report) = built();
    fs::remove_file(world.store.blob_path(&report.layers()[0].0)).unwrap();
    let again = world.build(&context, &executor, &["-t", "x"]);
    assert!(again.told.started.contains(&"RUN make".to_owned()), "{:?}", again.told);
    fsck::check(world.store.root());
}

#[test]
fn every_bucket_that_is_cache_may_vanish() {
    for bucket in Bucket::ALL.into_iter().filter(|bucket| !bucket.is_user_data()) {
        let (world, executor, context, report) = built();
        let directory = world.store.dir(bucket);
        fs::remove_dir_all(&directory).unwrap();
        let store = rbuild_store::Store::open(world.store.root()).unwrap();
        assert!(store.dir(bucket).exists());
        let again = world.build(&context, &executor, &["-t", "x", "-t", "another"]);
        assert_eq!(world.read(&again, "tested").as_deref(), Some("m"), "{bucket:?}");
        assert_eq!(again.told.started.len(), if bucket == Bucket::Records { 3 } else { 0 }, "{bucket:?}");
        assert_eq!(again.config().history.len(), report.config().history.len());
        fsck::check(world.store.root());
    }
}

#[test]
fn all_blobs_may_vanish() {
    let (world, executor, context, _) = built();
    for blob in fs::read_dir(world.store.blobs()).unwrap() {
        fs::remove_file(blob.unwrap().path()).unwrap();
    }
    let again = world.build(&context, &executor, &["-t", "x"]);
    assert_eq!(again.told.started.len(), 3);
    fsck::check(world.store.root());
}

#[test]
fn a_damaged_index_is_made_again() {
    for bytes in [&b""[..], b"nonsense"] {
        let (world, executor, context, report) = built();
        for layer in report.layers() {
            fs::write(world.store.layer_index_path(&layer), bytes).unwrap();
        }
        fs::write(context.path().join("app"), "b").unwrap();
        let again = world.build(&context, &executor, &["-t", "x"]);
        assert_eq!(again.told.started, ["COPY app /app", "RUN test"]);
        let index = fs::read(world.store.layer_index_path(&report.layers()[0])).unwrap();
        assert!(rbuild_store::layer::LayerIndex::decode(&index).is_some());
    }
}

#[test]
fn a_damaged_record_is_a_miss() {
    let (world, executor, context, report) = built();
    for path in crate::common::walk(&world.store.dir(Bucket::Records)).into_iter().filter(|path| path.is_file()) {
        fs::write(path, "{\"recipe\":").unwrap();
    }
    let again = world.build(&context, &executor, &["-t", "x"]);
    assert_eq!(again.told.started.len(), 3);
    assert_eq!(world.build(&context, &executor, &["-t", "x"]).told.started.len(), 0);
    assert_eq!(again.layers().len(), report.layers().len());
}

/// What is altered in place is noticed when it is read: the layer is unpacked for a RUN because its snapshot is gone.
#[test]
fn a_damaged_layer_is_named_and_never_unpacked() {
    let (mut world, executor, context, report) = built();
    fs::remove_dir_all(snapshots(&world)).unwrap();
    rbuild_store::Store::open(world.store.root()).unwrap();
    let layer = report.layers()[0];
    let original = world.store.blob_path(&layer.0);
    alter(&original);
    fs::write(context.path().join("Dockerfile"), format!("{STEPS}RUN make\n")).unwrap();
    let (error, _) = world.attempt(&context, &executor, &[]).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&layer.to_string()) && text.contains("damaged"), "{text}");
    let home = snapshots(&world);
    let broken: Vec<_> = crate::common::walk(&home).into_iter().filter(|path| path.ends_with("fs/made")).collect();
    assert_eq!(broken, Vec::<PathBuf>::new());
    assert_eq!(world.leftovers(), Vec::<PathBuf>::new());
    let mended = world.again().build(&context, &executor, &[]);
    assert_eq!(mended.told.started[0], "RUN make", "the next build makes it again: {:?}", mended.told);
}

#[test]
fn what_a_copy_takes_from_a_damaged_layer_is_noticed() {
    let dockerfile = "FROM scratch AS a\nRUN make\nFROM scratch\nCOPY --from=a /made /b\n";
    let context = context(&[("Dockerfile", "FROM scratch AS a\nRUN make\n")]);
    let (mut world, executor) = (World::new(), Scripted::new().writes("make", "made", "some text"));
    let stage = world.build(&context, &executor, &[]);
    let path = world.store.blob_path(&stage.layers()[0].0);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(9).position(|window| window == b"some text").unwrap();
    bytes[at] = b'S';
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    fs::write(context.path().join("Dockerfile"), dockerfile).unwrap();
    let (error, _) = world.attempt(&context, &executor, &[]).unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
    let mended = world.again().build(&context, &executor, &[]);
    assert_eq!(world.read(&mended, "b").as_deref(), Some("some text"));
}

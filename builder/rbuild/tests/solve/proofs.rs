//! Layers of two histories are never stacked.

use crate::common::context;
use crate::world::{Report, World, shell};
use rbuild_records::{CacheBackend, LocalBackend, Tiered};
use rbuild_runner::Exit;
use rbuild_runner::testing::Scripted;
use rbuild_store::Bucket;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

const RANDOM: &str = "FROM scratch\nRUN draw\nRUN note\nRUN note again\n";

/// A program whose result is another each time, and two that write down what they find.
fn gambler() -> Scripted {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let note = |name: &'static str| {
        move |_: &_, root: &Path, _: &mut dyn rbuild_runner::Output| {
            fs::copy(root.join("drawn"), root.join(name)).map(|_| Exit::Code(0))
        }
    };
    Scripted::new()
        .on(&shell("draw"), |_, root, _| {
            let number = NEXT.fetch_add(1, Ordering::SeqCst);
            fs::write(root.join("drawn"), format!("number {number}")).map(|()| Exit::Code(0))
        })
        .on(&shell("note"), note("noted"))
        .on(&shell("note again"), note("noted-again"))
}

fn race(context: &TempDir) -> [(World, Report); 2] {
    let worlds = [World::new(), World::new()];
    let reports = std::thread::scope(|scope| {
        let build = |world| scope.spawn(move || World::build(world, context, &gambler(), &["-t", "x"]));
        let running: Vec<_> = worlds.iter().map(build).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let mut pairs = worlds.into_iter().zip(reports);
    [pairs.next().unwrap(), pairs.next().unwrap()]
}

fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if !to.join(entry.file_name()).exists() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

fn records(world: &World) -> Box<dyn CacheBackend> {
    Box::new(LocalBackend::new(world.store.dir(Bucket::Records)))
}

/// The three files of an image, which tell its history.
fn story(world: &World, report: &Report) -> [String; 3] {
    ["drawn", "noted", "noted-again"].map(|name| world.read(report, name).unwrap())
}

#[test]
fn a_third_store_that_reads_two_caches_gets_one_history() {
    let context = context(&[("Dockerfile", RANDOM)]);
    let [(one, first), (two, second)] = race(&context);
    assert_ne!(first.id(), second.id());
    for (near, far, expected) in [(&one, &two, &first), (&two, &one, &second)] {
        let third = World::new();
        for world in [&one, &two] {
            copy_all(&world.store.blobs(), &third.store.blobs());
            copy_all(&world.store.dir(Bucket::Index), &third.store.dir(Bucket::Index));
        }
        let tiers = Tiered::new(vec![records(&third), records(near), records(far)]);
        let report = third.attempt_with(context.path(), &gambler(), &[], &tiers).unwrap();
        assert_eq!(report.told.started, Vec::<String>::new());
        assert_eq!(report.layers(), expected.layers());
        assert_eq!(report.id(), expected.id());
    }
}

/// Whatever a cache has lost, what is put together belongs together.
#[test]
fn caches_with_gaps_never_mix() {
    let context = context(&[("Dockerfile", RANDOM)]);
    let [(one, _), (two, _)] = race(&context);
    let layers: Vec<_> = [&one, &two].iter().flat_map(|world| fs::read_dir(world.store.blobs()).unwrap()).collect();
    let layers: Vec<_> = layers.into_iter().map(|entry| entry.unwrap().path()).collect();
    let mut runs = 0;
    for missing in 0..layers.len() {
        for order in [[&one, &two], [&two, &one]] {
            let third = World::new();
            for (at, path) in layers.iter().enumerate().filter(|(at, _)| *at != missing && *at % 7 != missing % 7) {
                let _ = at;
                fs::copy(path, third.store.blobs().join(path.file_name().unwrap())).unwrap();
            }
            let tiers = Tiered::new(vec![records(&third), records(order[0]), records(order[1])]);
            // What the third store finds out is its own: the others are read only.
            let tiers = ReadOnlyBeyond { tiers, own: records(&third) };
            let report = third.attempt_with(context.path(), &gambler(), &[], &tiers).unwrap();
            runs += report.told.started.len();
            let [drawn, noted, again] = story(&third, &report);
            assert_eq!((&noted, &again), (&drawn, &drawn), "layers of two histories");
        }
    }
    assert!(runs > 0, "some gap made a step run");
}

/// Reads all tiers and writes to the nearest only.
struct ReadOnlyBeyond {
    tiers: Tiered,
    own: Box<dyn CacheBackend>,
}

impl CacheBackend for ReadOnlyBeyond {
    fn name(&self) -> &str {
        self.tiers.name()
    }

    fn get(&self, key: &rbuild_records::CacheKey) -> rbuild_records::Result<Option<rbuild_records::Record>> {
        self.tiers.get(key)
    }

    fn put(&self, record: &rbuild_records::Record) -> rbuild_records::Result<()> {
        self.own.put(record)
    }
}

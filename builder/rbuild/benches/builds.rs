//! How fast whole builds are inside one process, on a real store: a context looked through, read and looked through
//! again; a first build, and one that finds everything: `cargo bench -p rbuild`. Programs are closures, as in the
//! solver's tests, so a RUN costs what rbuild costs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::result_large_err)] // what is wrong ends the bench

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/solve/world.rs"]
#[allow(dead_code, reason = "the solver's tests use all of it")]
mod world;

use divan::Bencher;
use divan::counter::ItemsCount;
use rbuild::tree::{ContextTree, Ignored, Tree};
use rbuild_oci::Cancel;
use rbuild_runner::testing::Scripted;
use std::fs;
use tempfile::TempDir;
use world::{World, Writes};

fn main() {
    divan::main();
}

const DOCKERFILE: &str = "FROM scratch\nENV A=b\nCOPY tool /bin/tool\nRUN make\nWORKDIR /srv\nCOPY src /srv/src\nRUN test\nCMD [\"/bin/tool\"]\n";

/// A context with so many small files, a hundred in a directory.
fn context(files: usize) -> TempDir {
    let context = common::context(&[("Dockerfile", DOCKERFILE), ("tool", "a tool")]);
    for number in 0..files {
        let directory = context.path().join(format!("src/part{:02}", number / 100));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(format!("file{number}")), format!("file {number}\n").repeat(200)).unwrap();
    }
    context
}

/// Waits until the files count as old: the digests of younger ones are not remembered.
fn settle() {
    std::thread::sleep(std::time::Duration::from_millis(100));
}

fn programs() -> Scripted {
    Scripted::new().writes("make", "made", "made").writes("test", "tested", "tested")
}

fn tree(context: &TempDir, world: &World) -> ContextTree {
    ContextTree::open("the build context", context.path(), Ignored::default(), &world.store, &Cancel::new()).unwrap()
}

/// What a COPY of a context asks of it before anything else: the names and digests of all files.
fn scan(tree: &ContextTree) {
    let mut entries = tree.walk(b"").unwrap();
    tree.digest_all(&mut entries).unwrap();
}

#[divan::bench(args = [100, 5000], sample_count = 20)]
fn scan_the_first_time(bencher: Bencher<'_, '_>, files: usize) {
    let (context, world) = (context(files), World::new());
    bencher.counter(ItemsCount::new(files)).bench(|| scan(&tree(&context, &world)));
}

#[divan::bench(args = [100, 5000], sample_count = 20)]
fn scan_what_is_remembered(bencher: Bencher<'_, '_>, files: usize) {
    let (context, world) = (context(files), World::new());
    let first = tree(&context, &world);
    settle();
    scan(&first);
    first.remember().unwrap();
    bencher.counter(ItemsCount::new(files)).bench(|| scan(&tree(&context, &world)));
}

#[divan::bench(args = [1, 1000], sample_count = 20)]
fn build_the_first_time(bencher: Bencher<'_, '_>, files: usize) {
    let (context, executor) = (context(files), programs());
    let mut done = Vec::new(); // removed at the end: where many files went away, ext4 is slow to make new ones
    bencher.with_inputs(World::new).bench_local_values(|world| {
        world.build(&context, &executor, &[]);
        done.push(world);
    });
}

#[divan::bench(args = [1, 5000], sample_count = 20)]
fn build_what_is_cached(bencher: Bencher<'_, '_>, files: usize) {
    let (context, executor, world) = (context(files), programs(), World::new());
    settle();
    world.build(&context, &executor, &["-t", "bench"]);
    bencher.bench_local(|| world.build(&context, &executor, &["-t", "bench"]));
    assert_eq!(executor.ran().len(), 2, "a step ran again");
}

//! Layers that a cache far away has: they come when something reads them, and what a cache lost is made again.

use crate::common;
use crate::world::{World, Writes, shell};
use rbuild::far::{Depots, Far};
use rbuild_oci::{Descriptor, DiffId, MediaType};
use rbuild_records::Result;
use rbuild_records::depot::{Depot, MemoryDepot, Name, Open};
use rbuild_runner::testing::Scripted;
use rbuild_store::content::ContentStore;
use rbuild_store::layer::{Codec, Format, compress};
use std::fs;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Times that do not tell one run of a program from another.
const EPOCH: [&str; 2] = ["--build-arg", "SOURCE_DATE_EPOCH=1600000000"];

const DOCKERFILE: &str = "FROM scratch\nCOPY a /a\nRUN make\nCOPY b /b\n";

/// A store whose layers were moved to a cache, and that cache.
struct Moved {
    world: World,
    context: tempfile::TempDir,
    layers: Vec<DiffId>,
    depot: Arc<MemoryDepot>,
}

impl Moved {
    /// What `DOCKERFILE` makes, of which the cache has those layers that `has` says, with their indexes or without.
    fn new(has: &dyn Fn(usize) -> bool, indexes: bool) -> Self {
        let mut world = World::new();
        let context = common::context(&[("Dockerfile", DOCKERFILE), ("a", "1"), ("b", "2")]);
        let layers = world.build(&context, &maker(), &[&EPOCH[..], &["-t", "app"]].concat()).layers();
        let depot = Arc::new(MemoryDepot::default());
        let sources = vec![Box::new(Depots::new(vec![depot.clone() as Arc<dyn Depot>])) as _];
        let far = Far::new(sources, &world.cancel).for_build(Arc::default());
        world.store = world.store.clone().bringing(Arc::new(far));
        for (at, layer) in layers.iter().enumerate() {
            move_away(&world, layer, (&depot, has(at)), indexes);
        }
        fs::remove_dir_all(world.store.dir(rbuild_store::Bucket::Snapshots)).unwrap();
        fs::create_dir(world.store.dir(rbuild_store::Bucket::Snapshots)).unwrap();
        Self { world, context, layers, depot }
    }

    fn here(&self) -> Vec<bool> {
        self.layers.iter().map(|layer| self.world.store.layers().has(layer).unwrap()).collect()
    }
}

fn maker() -> Scripted {
    Scripted::new().writes("make", "made", "3")
}

fn move_away(world: &World, layer: &DiffId, (depot, has): (&MemoryDepot, bool), indexes: bool) {
    let store = &world.store;
    let (path, index) = (store.blob_path(&layer.0), store.layer_index_path(layer));
    let (codec, mut out) = (Codec::new(Format::Zstd, None).unwrap(), Vec::new());
    let blob = compress(&mut fs::File::open(&path).unwrap(), codec, &mut out, &world.cancel).unwrap();
    let listed = fs::read(&index).unwrap();
    let index_blob = Descriptor::of(MediaType::new("application/octet-stream"), &listed);
    if has {
        depot.put(&blob, &|| Ok(Box::new(std::io::Cursor::new(out.clone())))).unwrap();
    }
    if indexes {
        depot.put(&index_blob, &|| Ok(Box::new(std::io::Cursor::new(listed.clone())))).unwrap();
    }
    store.content().remove(&layer.0).unwrap();
    fs::remove_file(index).unwrap();
    let far = rbuild_store::FarBlob { place: depot.to_string(), blob, index: indexes.then_some(index_blob) };
    store.layers().note_far(layer, None, &far).unwrap();
}

#[test]
fn hits_whose_layers_are_far_away_bring_nothing_unless_the_image_is_to_be_here() {
    let moved = Moved::new(&|_| true, true);
    let executor = maker();
    let report = moved.world.build(&moved.context, &executor, &[&EPOCH[..], &["-o", "type=cacheonly"]].concat());
    assert_eq!((report.told.started.len(), moved.here()), (0, vec![false; 3]));
    let report = moved.world.build(&moved.context, &executor, &[&EPOCH[..], &["-t", "app"]].concat());
    assert_eq!((report.layers(), moved.here()), (moved.layers.clone(), vec![true; 3]));
    assert_eq!((executor.ran(), moved.world.read(&report, "made")), (vec![], Some("3".to_owned())));
}

#[test]
fn a_copy_needs_the_indexes_of_what_it_lands_on_and_no_layer() {
    let moved = Moved::new(&|_| true, true);
    common::files(moved.context.path(), &[("b", "other")]);
    moved.world.build(&moved.context, &maker(), &[&EPOCH[..], &["-o", "type=cacheonly"]].concat());
    assert_eq!(moved.here(), [false, false, false]);
    common::files(moved.context.path(), &[("Dockerfile", "FROM scratch\nCOPY a /a\nRUN make\nRUN make more\n")]);
    let executor = Scripted::new().writes("make more", "more", "4");
    moved.world.build(&moved.context, &executor, &[&EPOCH[..], &["-o", "type=cacheonly"]].concat());
    assert_eq!((executor.ran(), moved.here()), (vec![shell("make more")], vec![true, true, false]));
}

/// A cache that gives blobs only to two at once.
#[derive(Debug)]
struct Pair(Arc<MemoryDepot>, Mutex<usize>, Condvar);

impl std::fmt::Display for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Depot for Pair {
    fn has(&self, name: &Name) -> Result<bool> {
        self.0.has(name)
    }

    fn document(&self, name: &Name) -> Result<Option<Vec<u8>>> {
        self.0.document(name)
    }

    fn put_document(&self, name: &Name, bytes: &[u8], blobs: &[Descriptor]) -> Result<()> {
        self.0.put_document(name, bytes, blobs)
    }

    fn pour(&self, blob: &Descriptor, sink: &mut dyn Write) -> Result<bool> {
        let mut came = self.1.lock().unwrap();
        *came += 1;
        self.2.notify_all();
        while *came < 2 {
            let (next, timeout) = self.2.wait_timeout(came, Duration::from_secs(20)).unwrap();
            came = next;
            assert!(!timeout.timed_out(), "nobody else came");
        }
        drop(came);
        self.0.pour(blob, sink)
    }

    fn put(&self, blob: &Descriptor, open: &Open<'_>) -> Result<bool> {
        self.0.put(blob, open)
    }
}

/// A cache whose blobs find no room on this machine.
#[derive(Debug)]
struct NoRoom(Arc<MemoryDepot>);

impl std::fmt::Display for NoRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Depot for NoRoom {
    fn has(&self, name: &Name) -> Result<bool> {
        self.0.has(name)
    }

    fn document(&self, name: &Name) -> Result<Option<Vec<u8>>> {
        self.0.document(name)
    }

    fn put_document(&self, name: &Name, bytes: &[u8], blobs: &[Descriptor]) -> Result<()> {
        self.0.put_document(name, bytes, blobs)
    }

    fn pour(&self, _: &Descriptor, _: &mut dyn Write) -> Result<bool> {
        Err(rbuild_store::Error::io("write", "a file")(std::io::Error::from(std::io::ErrorKind::StorageFull)).into())
    }

    fn put(&self, blob: &Descriptor, open: &Open<'_>) -> Result<bool> {
        self.0.put(blob, open)
    }
}

#[test]
fn a_full_disk_says_nothing_of_what_a_cache_has() {
    let moved = Moved::new(&|_| true, true);
    let full = Arc::new(NoRoom(moved.depot.clone())) as Arc<dyn Depot>;
    let far = Far::new(vec![Box::new(Depots::new(vec![full]))], &moved.world.cancel).for_build(Arc::default());
    let layers = moved.world.store.clone().bringing(Arc::new(far)).layers();
    let failure = layers.bring(&moved.layers).unwrap_err();
    assert!(matches!(failure, rbuild_store::Error::Io { .. }), "{failure}");
    assert!(moved.layers.iter().all(|layer| layers.far(layer).unwrap().is_some()));
}

#[test]
fn a_run_has_the_layers_below_it_brought_at_the_same_time() {
    let mut moved = Moved::new(&|_| true, false);
    let pair = Arc::new(Pair(moved.depot.clone(), Mutex::default(), Condvar::new()));
    let far = Far::new(vec![Box::new(Depots::new(vec![pair as Arc<dyn Depot>]))], &moved.world.cancel);
    moved.world.store = moved.world.store.clone().bringing(Arc::new(far));
    common::files(moved.context.path(), &[("Dockerfile", "FROM scratch\nCOPY a /a\nRUN make\nRUN make more\n")]);
    let executor = Scripted::new().writes("make more", "more", "4");
    moved.world.build(&moved.context, &executor, &[&EPOCH[..], &["-o", "type=cacheonly"]].concat());
    assert_eq!((executor.ran(), moved.here()), (vec![shell("make more")], vec![true, true, false]));
}

#[test]
fn what_a_cache_lost_is_made_again() {
    for (indexes, lost) in [(true, 1), (false, 1), (false, 0), (true, 2)] {
        let moved = Moved::new(&|at| at != lost, indexes);
        let executor = maker();
        let report = moved.world.build(&moved.context, &executor, &[&EPOCH[..], &["-t", "app"]].concat());
        assert_eq!((report.layers(), moved.here()), (moved.layers.clone(), vec![true; 3]), "{lost} {indexes}");
        assert_eq!(executor.ran(), if lost == 1 { vec![shell("make")] } else { vec![] }, "{lost} {indexes}");
        assert_eq!(report.told.failed, Vec::<String>::new());
    }
}

#[test]
fn a_cache_that_this_build_was_not_given_counts_as_lost() {
    let mut moved = Moved::new(&|_| true, true);
    let far = Far::new(Vec::new(), &moved.world.cancel).for_build(Arc::default());
    moved.world.store = moved.world.store.clone().bringing(Arc::new(far));
    let executor = maker();
    let report = moved.world.build(&moved.context, &executor, &[&EPOCH[..], &["-t", "app"]].concat());
    assert_eq!((executor.ran(), report.layers()), (vec![shell("make")], moved.layers.clone()));
    assert_eq!(moved.here(), [true; 3]);
}

#[test]
fn a_cache_that_lost_all_costs_what_no_cache_does() {
    let moved = Moved::new(&|_| false, false);
    common::files(moved.context.path(), &[("b", "other")]);
    let executor = maker();
    let report = moved.world.build(&moved.context, &executor, &[&EPOCH[..], &["-t", "app"]].concat());
    assert_eq!((executor.ran(), report.layers().len()), (vec![shell("make")], 3));
    assert!(moved.depot.to_string() == "memory" && moved.world.leftovers().is_empty());
}

//! Machines with a store each, and a depot that says what it was asked.

use rbuild_oci::{Cancel, Descriptor, Timestamp};
use rbuild_records::Result;
use rbuild_records::depot::{Depot, MemoryDepot, Name, Open};
use rbuild_records::mounts::{Arrived, Ground, Offer, Sent, Standing, Stock, bring, stock};
use rbuild_store::layer::Ownership;
use rbuild_store::{Bucket, RootDir, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) const ID: &str = "/root/.cache";
pub(crate) const MOST: u64 = 1 << 30;

/// A machine.
pub(crate) struct Machine {
    pub(crate) place: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) cancel: Cancel,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("store")).unwrap();
        Self { place, store, cancel: Cancel::new() }
    }

    pub(crate) fn ground(&self) -> Ground<'_> {
        let ownership = if rustix::process::geteuid().is_root() { Ownership::Apply } else { Ownership::Recorded };
        Ground { store: &self.store, ownership, cancel: &self.cancel }
    }

    /// Where the mount is.
    pub(crate) fn mount(&self) -> PathBuf {
        self.store.dir(Bucket::Mounts).join("m")
    }

    /// The same, made if it is not there.
    pub(crate) fn made(&self) -> PathBuf {
        std::fs::create_dir_all(self.mount()).unwrap();
        self.mount()
    }

    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.made().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.mount().join(path)).unwrap_or_default()
    }

    pub(crate) fn stock(&self, depot: &dyn Depot, now: i64) -> Result<Stock> {
        stock(&self.ground(), depot, (ID, &self.mount()), MOST, Timestamp::from_seconds(now))
    }

    /// Carries the mount up, which is not there yet.
    pub(crate) fn carry(&self, depot: &dyn Depot, now: i64) -> Sent {
        match self.stock(depot, now).unwrap() {
            Stock::Ready(load) => load.send(&self.ground(), depot).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn try_bring(&self, depot: &dyn Depot) -> Result<Option<Arrived>> {
        let Some(offer) = Offer::of(depot, ID, MOST)? else { return Ok(None) };
        bring(&self.ground(), &offer, &self.mount(), &Standing::Absent)
    }

    /// Brings the mount to where there is none.
    pub(crate) fn bring(&self, depot: &dyn Depot) -> (usize, u64) {
        let arrived = self.try_bring(depot).unwrap().unwrap();
        let counts = (arrived.pieces, arrived.brought);
        assert!(arrived.settle(&self.ground(), &self.mount()).unwrap());
        counts
    }

    /// Brings what is younger; none where the mount stays.
    pub(crate) fn forward(&self, depot: &dyn Depot) -> Option<(usize, u64)> {
        let offer = Offer::of(depot, ID, MOST).unwrap().unwrap();
        let standing = Standing::of(&self.ground(), &self.mount()).unwrap();
        let arrived = bring(&self.ground(), &offer, &self.mount(), &standing).unwrap()?;
        let counts = (arrived.pieces, arrived.brought);
        assert!(arrived.settle(&self.ground(), &self.mount()).unwrap());
        Some(counts)
    }

    /// What is unfinished.
    pub(crate) fn left_over(&self) -> usize {
        std::fs::read_dir(self.store.dir(Bucket::Tmp)).unwrap().count()
    }
}

/// Everything that travels of every path: type, mode, owner, time, content, and the first path of the same file.
pub(crate) fn tree(directory: &Path) -> BTreeMap<Vec<u8>, String> {
    let root = RootDir::open(directory).unwrap();
    let (mut found, mut files) = (BTreeMap::new(), BTreeMap::new());
    for entry in root.walk(b"").unwrap() {
        let entry = entry.unwrap();
        let meta = entry.meta;
        let content = match meta.kind {
            rbuild_store::FileKind::File => {
                let mut bytes = Vec::new();
                std::io::Read::read_to_end(&mut entry.dir().open_file(entry.name()).unwrap(), &mut bytes).unwrap();
                rbuild_oci::Digest::of(&bytes).to_string()
            }
            rbuild_store::FileKind::Symlink => format!("{:?}", entry.dir().readlink(entry.name()).unwrap()),
            _ => String::new(),
        };
        let first = files.entry(meta.id()).or_insert_with(|| entry.path.clone()).clone();
        let xattrs =
            if meta.is_file() { entry.dir().xattrs(entry.name()).unwrap() } else { rbuild_store::Xattrs::new() };
        let line = format!(
            "{:?} {:o} {}:{} {} {content} {first:?} {xattrs:?}",
            meta.kind, meta.mode, meta.uid, meta.gid, meta.mtime.seconds
        );
        found.insert(entry.path.clone(), line);
    }
    found
}

pub(crate) fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

/// Bytes that do not compress, the same for the same seed.
pub(crate) fn noise(count: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}

/// A depot that remembers what it was asked, and may have lost blobs.
#[derive(Default)]
pub(crate) struct Witness {
    pub(crate) depot: MemoryDepot,
    pub(crate) asked: Mutex<Vec<String>>,
    pub(crate) lost: Mutex<BTreeSet<rbuild_oci::Digest>>,
    /// It takes no blobs.
    pub(crate) is_full: AtomicBool,
}

impl Witness {
    fn note(&self, what: impl fmt::Display) {
        self.asked.lock().unwrap().push(what.to_string());
    }

    pub(crate) fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn has_lost(&self, blob: &Descriptor) -> bool {
        self.lost.lock().unwrap().contains(&blob.digest)
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("witness")
    }
}

impl Depot for Witness {
    fn has(&self, name: &Name) -> Result<bool> {
        self.note("has");
        self.depot.has(name)
    }

    fn document(&self, name: &Name) -> Result<Option<Vec<u8>>> {
        self.note("document");
        self.depot.document(name)
    }

    fn put_document(&self, name: &Name, bytes: &[u8], blobs: &[Descriptor]) -> Result<()> {
        self.note(format!("put_document {}", blobs.len()));
        self.depot.put_document(name, bytes, blobs)
    }

    fn pour(&self, blob: &Descriptor, sink: &mut dyn Write) -> Result<bool> {
        self.note("pour");
        if self.has_lost(blob) { Ok(false) } else { self.depot.pour(blob, sink) }
    }

    fn put(&self, blob: &Descriptor, open: &Open<'_>) -> Result<bool> {
        self.note("put");
        if self.is_full.load(Ordering::Relaxed) {
            return Err(rbuild_store::Error::io("write", "blob")(std::io::Error::other("it is full")).into());
        }
        let was_lost = self.lost.lock().unwrap().remove(&blob.digest);
        Ok(self.depot.put(blob, open)? || was_lost)
    }
}

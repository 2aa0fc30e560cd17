//! The stat cache: what a file hashed to the last time, as long as its metadata says it is the same. One flat file per
//! directory tree, written only when something was learnt. Knows no ignore rules.
//!
//! A file that was changed at about the time it was hashed is not remembered: it could change again within the same
//! tick of the kernel's clock, and nobody could tell.

mod records;

use crate::error::{Error, Result, if_there};
use crate::layer::compare_paths;
use crate::layout::{Bucket, Store};
use crate::root_dir::Meta;
use rbuild_oci::{Digest, Timestamp};
use records::{RECORD, Reader, Record, Records};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Digests of files below one directory, by path.
#[derive(Debug)]
pub struct FileCache {
    store: Store,
    place: PathBuf,
    known: Arc<Records>,
    learnt: Arc<Mutex<Learnt>>,
}

/// Looks up one path after the other; those that come in the order of layers are found without a search. It has some 30 KB
/// of the cache in memory.
#[derive(Debug)]
pub struct Lookups {
    known: Reader,
    learnt: Arc<Mutex<Learnt>>,
}

/// What was not known when the cache was opened.
#[derive(Debug, Default)]
struct Learnt {
    records: BTreeMap<Vec<u8>, Record>,
    unsaved: bool,
}

/// The bytes of a record that must be equal for a file to count as unchanged; its digest is the rest.
const STAMP: usize = 48;

/// A file changed at most this long before it was hashed is not remembered: two ticks of the slowest kernel clock.
const TICK: Duration = Duration::from_millis(20);

/// The same where times are in whole seconds: there are file systems that keep every other one only.
const COARSE_TICK: Duration = Duration::from_secs(2);

impl FileCache {
    /// What is remembered of the files below `directory`, which is known by its path without links.
    pub fn open(store: &Store, directory: &Path) -> Result<Self> {
        let real = directory.canonicalize().map_err(Error::io("find", directory.display()))?;
        let place = store.dir(Bucket::Files).join(Digest::of(real.as_os_str().as_bytes()).hex());
        let known = match if_there(File::open(&place)).map_err(Error::io("open", place.display()))? {
            Some(file) if store.rely(&place)? => Records::read(file).unwrap_or_default(),
            _ => Records::default(),
        };
        Ok(Self { store: store.clone(), place, known: Arc::new(known), learnt: Arc::default() })
    }

    /// A look at many files, best in the order of layers.
    pub fn lookups(&self) -> Lookups {
        Lookups { known: Reader::new(&self.known), learnt: self.learnt.clone() }
    }

    /// Remembers a digest; `meta` is what the file looked like before it was read, which began at `began`.
    pub fn put(&self, path: &[u8], meta: &Meta, began: SystemTime, digest: Digest) {
        let tick = if meta.ctime.nanos == 0 { COARSE_TICK } else { TICK };
        let settled = Timestamp::from(began.checked_sub(tick).unwrap_or(SystemTime::UNIX_EPOCH));
        if meta.ctime >= settled || meta.mtime >= settled {
            return;
        }
        let mut record = [0; RECORD];
        record[..STAMP].copy_from_slice(&stamp(meta));
        record[STAMP..].copy_from_slice(digest.as_bytes());
        let mut learnt = lock(&self.learnt);
        learnt.records.insert(path.to_vec(), record);
        learnt.unsaved = true;
    }

    /// Writes down what was learnt, if anything was.
    pub fn save(&self) -> Result<()> {
        let mut learnt = lock(&self.learnt);
        if !learnt.unsaved {
            return Ok(());
        }
        let file = self.store.tmp_file()?;
        let mut records: Vec<_> = learnt.records.iter().map(|(path, record)| (path.as_slice(), record)).collect();
        records.sort_unstable_by(|(one, _), (other, _)| compare_paths(one, other));
        self.known.write(&records, file.file()).map_err(Error::io("write", self.place.display()))?;
        file.persist(&self.place)?;
        learnt.unsaved = false;
        Ok(())
    }
}

impl Lookups {
    /// The digest of the file at `path`, if it looks the same as when it was hashed.
    pub fn get(&mut self, path: &[u8], meta: &Meta) -> Option<Digest> {
        let stamp = stamp(meta);
        let same = |record: &[u8]| {
            let (seen, digest) = record.split_at(STAMP);
            (seen == stamp).then(|| Digest::from_bytes(digest.try_into().unwrap_or_default()))
        };
        let known = self.known.find(path).and_then(same);
        known.or_else(|| lock(&self.learnt).records.get(path).and_then(|record| same(record)))
    }
}

fn lock(learnt: &Mutex<Learnt>) -> MutexGuard<'_, Learnt> {
    learnt.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stamp(meta: &Meta) -> [u8; STAMP] {
    let mut stamp = [0; STAMP];
    let numbers = [meta.dev, meta.ino, meta.size, nanos(meta.mtime), nanos(meta.ctime), u64::from(meta.mode)];
    for (slot, number) in stamp.chunks_exact_mut(8).zip(numbers) {
        slot.copy_from_slice(&number.to_le_bytes());
    }
    stamp
}

/// Nanoseconds since 1970; they wrap after 584 years, which is as good for telling two times apart.
fn nanos(time: Timestamp) -> u64 {
    (time.seconds as u64).wrapping_mul(1_000_000_000).wrapping_add(u64::from(time.nanos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root_dir::RootDir;

    /// A store, a directory with one file, and how that looks.
    struct Ground {
        _place: tempfile::TempDir,
        context: tempfile::TempDir,
        store: Store,
        meta: Meta,
    }

    impl Ground {
        fn new() -> Self {
            let (place, context) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let store = Store::open(&place.path().join("store")).unwrap();
            std::fs::write(context.path().join("a"), "a").unwrap();
            let meta = RootDir::open(context.path()).unwrap().stat(b"a").unwrap();
            Self { _place: place, context, store, meta }
        }

        fn open(&self) -> FileCache {
            FileCache::open(&self.store, self.context.path()).unwrap()
        }

        /// Each path was read long after it changed, and has itself as its data.
        fn learn(&self, paths: impl IntoIterator<Item: AsRef<[u8]>>) -> FileCache {
            let (cache, later) = (self.open(), SystemTime::now() + Duration::from_mins(1));
            for path in paths {
                cache.put(path.as_ref(), &self.meta, later, Digest::of(path.as_ref()));
            }
            cache
        }
    }

    #[test]
    fn a_file_is_remembered_until_it_changes() {
        let (place, context) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = Store::open(&place.path().join("store")).unwrap();
        let root = RootDir::open(context.path()).unwrap();
        for name in ["b", "a", "ab"] {
            std::fs::write(context.path().join(name), name).unwrap();
        }
        std::thread::sleep(TICK * 2);
        let cache = FileCache::open(&store, context.path()).unwrap();
        for name in ["b", "a", "ab"] {
            assert_eq!(cache.lookups().get(name.as_bytes(), &root.stat(name.as_bytes()).unwrap()), None);
            let meta = root.stat(name.as_bytes()).unwrap();
            cache.put(name.as_bytes(), &meta, SystemTime::now(), Digest::of(name.as_bytes()));
        }
        cache.save().unwrap();
        let again = FileCache::open(&store, context.path()).unwrap();
        let meta = root.stat(b"ab").unwrap();
        assert_eq!(again.lookups().get(b"ab", &meta), Some(Digest::of(b"ab")));
        std::fs::write(context.path().join("ab"), "xx").unwrap();
        let changed = root.stat(b"ab").unwrap();
        assert_eq!(again.lookups().get(b"ab", &changed), None);
        let began = SystemTime::now();
        std::thread::sleep(TICK * 2);
        again.put(b"ab", &changed, began, Digest::of(b"xx"));
        assert_eq!(
            again.lookups().get(b"ab", &changed),
            None,
            "it changed just before it was read, so it may have again in the same tick"
        );
    }

    #[test]
    fn where_times_are_whole_seconds_a_file_settles_later() {
        let ground = Ground::new();
        let whole = Timestamp { nanos: 0, ..ground.meta.ctime };
        let (meta, cache) = (Meta { ctime: whole, mtime: whole, ..ground.meta }, ground.open());
        for (seconds, known) in [(1, false), (3, true)] {
            let began = SystemTime::UNIX_EPOCH + Duration::from_secs(whole.seconds as u64 + seconds);
            cache.put(b"a", &meta, began, Digest::of(b"a"));
            assert_eq!(cache.lookups().get(b"a", &meta).is_some(), known, "{seconds}");
        }
    }

    #[test]
    fn lookups_in_any_order_find_all_that_was_learnt_in_several_builds() {
        let ground = Ground::new();
        // In the order of layers `d/x` comes before `d-e`, in that of bytes behind it.
        let paths = ["a", "d/x", "d/y", "d-e", "f", "z"];
        for learnt in [&paths[1..4], &paths[3..], &paths[..2]] {
            let cache = ground.learn(learnt);
            cache.save().unwrap();
            cache.save().unwrap();
        }
        let (cache, meta) = (ground.open(), ground.meta);
        for order in [paths, ["z", "f", "d-e", "d/y", "d/x", "a"]] {
            let mut lookups = cache.lookups();
            for path in order {
                assert_eq!(lookups.get(b"missing", &meta), None);
                assert_eq!(lookups.get(path.as_bytes(), &meta), Some(Digest::of(path.as_bytes())), "{path}");
            }
        }
        assert_eq!(cache.known.count(), paths.len(), "a path is stored once");
    }

    #[test]
    fn more_than_a_piece_is_found_in_order_and_in_none() {
        let ground = Ground::new();
        let mut paths: Vec<String> = (0..2_000).map(|number| format!("d{:02}/f-{number}", number % 70)).collect();
        let odd = |number: &usize| number % 2 == 1;
        for of_round in [odd as fn(&usize) -> bool, |_| true] {
            let learnt = paths.iter().enumerate().filter(|(number, _)| of_round(number)).map(|(_, path)| path);
            ground.learn(learnt).save().unwrap();
        }
        let (cache, meta) = (ground.open(), ground.meta);
        assert_eq!(cache.known.count(), paths.len());
        for turn in 0..3 {
            let mut lookups = cache.lookups();
            for path in &paths {
                assert_eq!(lookups.get(path.as_bytes(), &meta), Some(Digest::of(path.as_bytes())), "{turn} {path}");
                assert_eq!(lookups.get(format!("{path}-").as_bytes(), &meta), None);
            }
            match turn {
                0 => paths.sort_by(|one, other| compare_paths(one.as_bytes(), other.as_bytes())),
                _ => paths.reverse(),
            }
        }
    }

    #[test]
    fn damage_is_forgotten() {
        let place = tempfile::tempdir().unwrap();
        let file = |bytes: &[u8]| {
            std::fs::write(place.path().join("f"), bytes).unwrap();
            File::open(place.path().join("f")).unwrap()
        };
        let mut whole = Vec::new();
        let records: Vec<(&[u8], &Record)> = vec![(b"a", &[1; RECORD]), (b"b", &[2; RECORD])];
        Arc::new(Records::default()).write(&records, &mut whole).unwrap();
        assert_eq!(Arc::new(Records::read(file(&whole)).unwrap()).count(), 2);
        for length in 0..whole.len() {
            assert!(Records::read(file(&whole[..length])).is_none(), "{length}");
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            // Whatever it says, it says it without a panic.
            let known = Records::read(file(&bytes)).map(Arc::new).unwrap_or_default();
            assert!(known.count() <= 2);
            let _ = Reader::new(&known).find(b"b");
        }
    }
}

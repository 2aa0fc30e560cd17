//! The stat cache: what a file hashed to the last time, as long as its metadata says it is the same. One flat file per
//! directory tree, read whole, written only when something was learnt. Knows no ignore rules.
//!
//! A file that was changed at about the time it was hashed is not remembered: it could change again within the same
//! tick of the kernel's clock, and nobody could tell.

use crate::error::{Error, Result, if_there};
use crate::layout::{Bucket, Store};
use crate::root_dir::Meta;
use rbuild_oci::{Digest, Timestamp};
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Digests of files below one directory, by path.
#[derive(Debug)]
pub struct FileCache {
    store: Store,
    place: PathBuf,
    known: Records,
    learnt: Mutex<Learnt>,
}

/// Looks up one path after the other; those that come in the order of the cache are found without a search.
#[derive(Debug)]
pub struct Lookups<'a> {
    cache: &'a FileCache,
    next: usize,
}

/// What was not known when the cache was opened.
#[derive(Debug, Default)]
struct Learnt {
    records: BTreeMap<Vec<u8>, Record>,
    unsaved: bool,
}

/// What must be equal for a file to count as unchanged, and its digest.
type Record = [u8; RECORD];

const STAMP: usize = 48;

const RECORD: usize = STAMP + 32;

/// The bytes before a path that say how long it is.
const LENGTH: usize = 4;

const MAGIC: &[u8; 16] = b"rbuild-files/1\n\0";

/// A file changed at most this long before it was hashed is not remembered: two ticks of the slowest kernel clock.
const TICK: Duration = Duration::from_millis(20);

/// The same where times are in whole seconds: there are file systems that keep every other one only.
const COARSE_TICK: Duration = Duration::from_secs(2);

impl FileCache {
    /// What is remembered of the files below `directory`, which is known by its path without links.
    pub fn open(store: &Store, directory: &Path) -> Result<Self> {
        let real = directory.canonicalize().map_err(Error::io("find", directory.display()))?;
        let place = store.dir(Bucket::Files).join(Digest::of(real.as_os_str().as_bytes()).hex());
        let bytes = match if_there(std::fs::read(&place)).map_err(Error::io("read", place.display()))? {
            Some(bytes) if store.rely(&place)? => bytes,
            _ => Vec::new(),
        };
        let known = Records::read(bytes).unwrap_or_default();
        Ok(Self { store: store.clone(), place, known, learnt: Mutex::default() })
    }

    /// A look at many files, best in the order of their paths.
    pub const fn lookups(&self) -> Lookups<'_> {
        Lookups { cache: self, next: 0 }
    }

    /// The digest of the file at `path`, if it looks the same as when it was hashed.
    pub fn get(&self, path: &[u8], meta: &Meta) -> Option<Digest> {
        self.lookups().get(path, meta)
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
        let mut learnt = self.learnt();
        learnt.records.insert(path.to_vec(), record);
        learnt.unsaved = true;
    }

    /// Writes down what was learnt, if anything was.
    pub fn save(&self) -> Result<()> {
        let mut learnt = self.learnt();
        if !learnt.unsaved {
            return Ok(());
        }
        let file = self.store.tmp_file()?;
        self.known.write(&learnt.records, file.file()).map_err(Error::io("write", self.place.display()))?;
        file.persist(&self.place)?;
        learnt.unsaved = false;
        Ok(())
    }

    fn learnt(&self) -> MutexGuard<'_, Learnt> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lookups<'_> {
    /// The digest of the file at `path`, if it looks the same as when it was hashed.
    pub fn get(&mut self, path: &[u8], meta: &Meta) -> Option<Digest> {
        let stamp = stamp(meta);
        let same = |record: &[u8]| {
            let (seen, digest) = record.split_at(STAMP);
            (seen == stamp).then(|| Digest::from_bytes(digest.try_into().unwrap_or_default()))
        };
        let known = self.find(path).and_then(same);
        known.or_else(|| self.cache.learnt().records.get(path).and_then(|record| same(record)))
    }

    fn find(&mut self, path: &[u8]) -> Option<&[u8]> {
        let known = &self.cache.known;
        if known.get(self.next).is_none_or(|(next, _)| next != path) {
            self.next = known.place_of(path);
        }
        let (_, record) = known.get(self.next).filter(|(found, _)| *found == path)?;
        self.next += 1;
        Some(record)
    }
}

/// Records as they are stored, in the order of their paths.
#[derive(Debug, Default)]
struct Records {
    bytes: Vec<u8>,
    starts: Vec<u32>,
}

impl Records {
    /// None if the bytes are not of this format, or more than 4 GiB.
    fn read(bytes: Vec<u8>) -> Option<Self> {
        let mut at = bytes.starts_with(MAGIC).then_some(MAGIC.len())?;
        let mut starts = Vec::new();
        while at < bytes.len() {
            starts.push(u32::try_from(at).ok()?);
            at += LENGTH + length(bytes.get(at..)?)? + RECORD;
        }
        (at == bytes.len()).then_some(Self { bytes, starts })
    }

    /// The path and the record at a place.
    fn get(&self, place: usize) -> Option<(&[u8], &[u8])> {
        self.starts.get(place).and_then(|start| self.at(*start))
    }

    /// The first place whose path does not come before this one.
    fn place_of(&self, path: &[u8]) -> usize {
        self.starts.partition_point(|start| self.at(*start).is_some_and(|(before, _)| before < path))
    }

    fn at(&self, start: u32) -> Option<(&[u8], &[u8])> {
        let bytes = self.bytes.get(start as usize..)?;
        let (path, rest) = bytes[LENGTH..].split_at_checked(length(bytes)?)?;
        Some((path, rest.get(..RECORD)?))
    }

    /// Writes them and the learnt ones, which count where both are of one path.
    fn write(&self, learnt: &BTreeMap<Vec<u8>, Record>, file: impl Write) -> io::Result<()> {
        let mut file = BufWriter::with_capacity(64 << 10, file);
        file.write_all(MAGIC)?;
        let mut known = self.starts.iter().filter_map(|start| self.at(*start)).peekable();
        for (path, record) in learnt {
            while let Some((path, record)) = known.next_if(|(known, _)| *known < &path[..]) {
                put(&mut file, path, record)?;
            }
            known.next_if(|(known, _)| *known == &path[..]);
            put(&mut file, path, record)?;
        }
        known.try_for_each(|(path, record)| put(&mut file, path, record))?;
        file.flush()
    }
}

fn put(file: &mut impl Write, path: &[u8], record: &[u8]) -> io::Result<()> {
    file.write_all(&(path.len() as u32).to_le_bytes())?;
    file.write_all(path)?;
    file.write_all(record)
}

/// How long the path of a record is, whose bytes begin with that.
fn length(record: &[u8]) -> Option<usize> {
    let (length, _) = record.split_first_chunk::<LENGTH>()?;
    usize::try_from(u32::from_le_bytes(*length)).ok()
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
            assert_eq!(cache.get(name.as_bytes(), &root.stat(name.as_bytes()).unwrap()), None);
            let meta = root.stat(name.as_bytes()).unwrap();
            cache.put(name.as_bytes(), &meta, SystemTime::now(), Digest::of(name.as_bytes()));
        }
        cache.save().unwrap();
        let again = FileCache::open(&store, context.path()).unwrap();
        let meta = root.stat(b"ab").unwrap();
        assert_eq!(again.get(b"ab", &meta), Some(Digest::of(b"ab")));
        std::fs::write(context.path().join("ab"), "xx").unwrap();
        let changed = root.stat(b"ab").unwrap();
        assert_eq!(again.get(b"ab", &changed), None);
        let began = SystemTime::now();
        std::thread::sleep(TICK * 2);
        again.put(b"ab", &changed, began, Digest::of(b"xx"));
        assert_eq!(
            again.get(b"ab", &changed),
            None,
            "it changed just before it was read, so it may have again in the same tick"
        );
    }

    #[test]
    fn where_times_are_whole_seconds_a_file_settles_later() {
        let (place, context) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = Store::open(&place.path().join("store")).unwrap();
        std::fs::write(context.path().join("a"), "a").unwrap();
        let meta = RootDir::open(context.path()).unwrap().stat(b"a").unwrap();
        let whole = Timestamp { nanos: 0, ..meta.ctime };
        let meta = Meta { ctime: whole, mtime: whole, ..meta };
        let cache = FileCache::open(&store, context.path()).unwrap();
        for (seconds, known) in [(1, false), (3, true)] {
            let began = SystemTime::UNIX_EPOCH + Duration::from_secs(whole.seconds as u64 + seconds);
            cache.put(b"a", &meta, began, Digest::of(b"a"));
            assert_eq!(cache.get(b"a", &meta).is_some(), known, "{seconds}");
        }
    }

    #[test]
    fn lookups_in_any_order_find_all_that_was_learnt_in_several_builds() {
        let (place, context) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = Store::open(&place.path().join("store")).unwrap();
        std::fs::write(context.path().join("a"), "a").unwrap();
        let meta = RootDir::open(context.path()).unwrap().stat(b"a").unwrap();
        let later = SystemTime::now() + Duration::from_secs(60);
        // In the order of layers `d/x` comes before `d-e`, in that of bytes behind it.
        let paths = ["a", "d/x", "d/y", "d-e", "f", "z"];
        for learnt in [&paths[1..4], &paths[3..], &paths[..2]] {
            let cache = FileCache::open(&store, context.path()).unwrap();
            for path in learnt {
                cache.put(path.as_bytes(), &meta, later, Digest::of(path.as_bytes()));
            }
            cache.save().unwrap();
            cache.save().unwrap();
        }
        let cache = FileCache::open(&store, context.path()).unwrap();
        for order in [paths, ["z", "f", "d-e", "d/y", "d/x", "a"]] {
            let mut lookups = cache.lookups();
            for path in order {
                assert_eq!(lookups.get(b"missing", &meta), None);
                assert_eq!(lookups.get(path.as_bytes(), &meta), Some(Digest::of(path.as_bytes())), "{path}");
            }
        }
        assert_eq!(cache.known.starts.len(), paths.len(), "a path is stored once");
    }

    #[test]
    fn damage_is_forgotten() {
        for bytes in [&b""[..], b"x", MAGIC, &[&MAGIC[..], &[255; 7]].concat(), &[&MAGIC[..], &[0; 83]].concat()] {
            assert!(Records::read(bytes.to_vec()).is_none_or(|records| records.starts.is_empty()), "{bytes:?}");
        }
    }
}

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
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Digests of files below one directory, by path.
#[derive(Debug)]
pub struct FileCache {
    store: Store,
    place: PathBuf,
    bytes: Vec<u8>,
    /// Where each remembered record lies in `bytes`, in the order of paths.
    records: Vec<(usize, usize)>,
    learnt: BTreeMap<Vec<u8>, [u8; RECORD]>,
}

/// What must be equal for a file to count as unchanged, and its digest.
const RECORD: usize = 48 + 32;

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
        let records = index(&bytes).unwrap_or_default();
        Ok(Self { store: store.clone(), place, bytes, records, learnt: BTreeMap::new() })
    }

    /// The digest of the file at `path`, if it looks the same as when it was hashed.
    pub fn get(&self, path: &[u8], meta: &Meta) -> Option<Digest> {
        let record = if let Some(record) = self.learnt.get(path) {
            &record[..]
        } else {
            let at = self.records.binary_search_by(|(start, end)| self.bytes[*start..*end].cmp(path)).ok()?;
            let end = self.records[at].1;
            &self.bytes[end..end + RECORD]
        };
        (record[..48] == stamp(meta)).then(|| Digest::from_bytes(record[48..].try_into().unwrap_or_default()))
    }

    /// Remembers a digest; `meta` is what the file looked like before it was read, which began at `began`.
    pub fn put(&mut self, path: &[u8], meta: &Meta, began: SystemTime, digest: Digest) {
        let tick = if meta.ctime.nanos == 0 { COARSE_TICK } else { TICK };
        let settled = Timestamp::from(began.checked_sub(tick).unwrap_or(SystemTime::UNIX_EPOCH));
        if meta.ctime >= settled || meta.mtime >= settled {
            return;
        }
        let mut record = [0; RECORD];
        record[..48].copy_from_slice(&stamp(meta));
        record[48..].copy_from_slice(digest.as_bytes());
        self.learnt.insert(path.to_vec(), record);
    }

    /// Writes down what was learnt, if anything was.
    pub fn save(&mut self) -> Result<()> {
        if self.learnt.is_empty() {
            return Ok(());
        }
        let mut all: BTreeMap<&[u8], &[u8]> = BTreeMap::new();
        for (start, end) in &self.records {
            all.insert(&self.bytes[*start..*end], &self.bytes[*end..*end + RECORD]);
        }
        all.extend(self.learnt.iter().map(|(path, record)| (&path[..], &record[..])));
        let mut bytes = MAGIC.to_vec();
        for (path, record) in all {
            bytes.extend_from_slice(&(path.len() as u32).to_le_bytes());
            bytes.extend_from_slice(path);
            bytes.extend_from_slice(record);
        }
        let file = self.store.tmp_file()?;
        file.file().write_all(&bytes).map_err(Error::io("write", self.place.display()))?;
        file.persist(&self.place)?;
        self.records = index(&bytes).unwrap_or_default();
        self.bytes = bytes;
        self.learnt.clear();
        Ok(())
    }
}

/// Where the path and the end of the path of each record lie; none if the bytes are not of this format.
fn index(bytes: &[u8]) -> Option<Vec<(usize, usize)>> {
    let mut at = bytes.starts_with(MAGIC).then_some(MAGIC.len())?;
    let mut records = Vec::new();
    while at < bytes.len() {
        let length = u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize;
        let (start, end) = (at + 4, at + 4 + length);
        at = end + RECORD;
        bytes.get(start..at)?;
        records.push((start, end));
    }
    Some(records)
}

fn stamp(meta: &Meta) -> [u8; 48] {
    let mut stamp = [0; 48];
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
        let mut cache = FileCache::open(&store, context.path()).unwrap();
        for name in ["b", "a", "ab"] {
            assert_eq!(cache.get(name.as_bytes(), &root.stat(name.as_bytes()).unwrap()), None);
            let meta = root.stat(name.as_bytes()).unwrap();
            cache.put(name.as_bytes(), &meta, SystemTime::now(), Digest::of(name.as_bytes()));
        }
        cache.save().unwrap();
        let mut again = FileCache::open(&store, context.path()).unwrap();
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
        let mut cache = FileCache::open(&store, context.path()).unwrap();
        for (seconds, known) in [(1, false), (3, true)] {
            let began = SystemTime::UNIX_EPOCH + Duration::from_secs(whole.seconds as u64 + seconds);
            cache.put(b"a", &meta, began, Digest::of(b"a"));
            assert_eq!(cache.get(b"a", &meta).is_some(), known, "{seconds}");
        }
    }

    #[test]
    fn damage_is_forgotten() {
        for bytes in [&b""[..], b"x", MAGIC, &[&MAGIC[..], &[255; 7]].concat(), &[&MAGIC[..], &[0; 83]].concat()] {
            assert!(index(bytes).is_none_or(|records| records.is_empty()), "{bytes:?}");
        }
    }
}

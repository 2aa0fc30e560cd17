//! Leases: how a process that uses the store keeps gc away from what it uses, and writes nothing while it only looks.
//! Knows nothing of what is used but its path.
//!
//! A store that was [`Store::lease`]d is in one of two states:
//! - *looking*: `leases.v1/.lock` is held shared. Gc renames under the exclusive lock only, so all that was seen stays.
//!   Nothing is written: an up-to-date build never leaves this state.
//! - *held*, from the first write on: a file in the bucket, locked for the life of the process, says since when. All used
//!   so far is stamped (its mtime set to now) before the shared lock goes, all used later is stamped as it is used.
//!
//! What is stamped or made since the start of the oldest live lease is not collected. Only times that the kernel gave to
//! files are compared, so no two clocks have to agree.

use crate::error::{Error, Result, if_there};
use crate::layout::{Bucket, LOCK, Store};
use crate::lock::Lock;
use crate::tmp::{self, TmpFile};
use rbuild_oci::Timestamp;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, utimensat};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a store and its clones rely on.
#[derive(Debug, Default)]
pub(crate) struct Lease(Mutex<Option<Used>>);

#[derive(Debug)]
struct Used {
    gate: Lock,
    /// None while it only looks.
    holder: Option<Holder>,
    /// What was looked up; stamped once the lease is held.
    paths: BTreeSet<PathBuf>,
}

impl Store {
    /// Relies on what is seen from now on, until it is [released](Self::release), the store and its clones are dropped,
    /// or the process dies. To be called before the first look; writes nothing. Waits while gc renames.
    pub fn lease(&self) -> Result<()> {
        let mut used = self.lease.lock();
        if used.is_none() {
            let gate = Lock::open(&self.gate())?;
            gate.share()?;
            *used = Some(Used { gate, holder: None, paths: BTreeSet::new() });
        }
        Ok(())
    }

    /// Relies on nothing any more.
    pub fn release(&self) {
        *self.lease.lock() = None;
    }

    /// To be called before the first write of a process that has a lease; fine where there is none, or again. What
    /// killed processes left in tmp is removed, and their leases with it; without such gc removes those.
    pub fn hold(&self) -> Result<()> {
        let mut lease = self.lease.lock();
        let Some(used) = lease.as_mut().filter(|used| used.holder.is_none()) else { return Ok(()) };
        used.holder = Some(Holder::new(self)?);
        for path in &used.paths {
            stamp(path)?;
        }
        used.gate.release()?;
        tmp::sweep(&self.dir(Bucket::Tmp), || Ok(oldest(self)?.unwrap_or_else(now)))
    }

    /// Notes that a file or directory of the store was looked up and is relied on: its mtime becomes the time it was used.
    /// False if gc was faster: then it is not there. Blobs and snapshots are noted by who gives them.
    pub fn rely(&self, path: &Path) -> Result<bool> {
        let mut lease = self.lease.lock();
        let Some(used) = lease.as_mut() else { return Ok(true) };
        if used.paths.contains(path) {
            return Ok(true);
        }
        if used.holder.is_some() {
            used.gate.share()?;
            let stamped = stamp(path);
            used.gate.release()?;
            if !stamped? {
                return Ok(false);
            }
        }
        used.paths.insert(path.to_owned());
        Ok(true)
    }

    /// Moves a file to its place. Another process may have put the same there meanwhile and rely on it, stamped later than
    /// this file was written: so what is there now is stamped again before gc can look at it.
    pub(crate) fn land(&self, file: TmpFile, place: &Path) -> Result<()> {
        let _passage = self.pass()?;
        file.persist(place)?;
        stamp(place).map(drop)
    }

    /// Keeps gc from renaming until what is returned is dropped, for those who replace what gc may look at. Waits while
    /// gc renames.
    pub fn pass(&self) -> Result<Passage> {
        let gate = Lock::open(&self.gate())?;
        gate.share()?;
        Ok(Passage { _gate: gate })
    }

    /// The file whose shared lock keeps gc from renaming.
    pub(crate) fn gate(&self) -> PathBuf {
        self.dir(Bucket::Leases).join(LOCK)
    }
}

/// The gate, held against gc.
#[derive(Debug)]
pub struct Passage {
    _gate: Lock,
}

impl Lease {
    fn lock(&self) -> MutexGuard<'_, Option<Used>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file that says that a lease is held: its mtime says since when. Its name has the time of a clock that nobody sets,
/// for when somebody set the other.
#[derive(Debug)]
struct Holder {
    path: PathBuf,
    _lock: Lock,
}

impl Holder {
    /// The file is locked before it has its name, so nobody takes it for a dead one.
    fn new(store: &Store) -> Result<Self> {
        loop {
            let file = TmpFile::new(&store.dir(Bucket::Tmp))?;
            let path = store.dir(Bucket::Leases).join(file_name(clock(ClockId::MonotonicCoarse)));
            let lock = Lock::of(file.file(), &path)?;
            lock.take()?;
            if file.persist_new(&path)? {
                return Ok(Self { path, _lock: lock });
            }
        }
    }
}

impl Drop for Holder {
    /// One that cannot be removed is not locked any more: it is dead.
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}

/// Since when some live lease has been held, the oldest; the files of dead ones are removed.
pub(crate) fn oldest(store: &Store) -> Result<Option<Timestamp>> {
    let directory = store.dir(Bucket::Leases);
    let failed = || Error::io("list", directory.display());
    let mut oldest: Option<Timestamp> = None;
    for entry in fs::read_dir(&directory).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        if path != store.gate()
            && let Some(start) = live(&path)?
        {
            oldest = Some(oldest.map_or(start, |other| other.min(start)));
        }
    }
    Ok(oldest)
}

/// When the lease of that file began, if its process lives. A name that does not say when counts as ever.
fn live(path: &Path) -> Result<Option<Timestamp>> {
    let lock = match Lock::open_existing(path) {
        Err(error) if error.is_not_found() => return Ok(None),
        other => other?,
    };
    if lock.try_take()? {
        drop(fs::remove_file(path));
        return Ok(None);
    }
    let Some(mtime) = modified(path)? else { return Ok(None) };
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    Ok(Some(start(mtime, name).unwrap_or(Timestamp::from_seconds(i64::MIN))))
}

/// The start of a lease on the wall clock of today: whichever is earlier, the mtime of its file or now less what has
/// passed since by the steady clock.
fn start(mtime: Timestamp, file_name: &str) -> Option<Timestamp> {
    let mut parts = file_name.split('_').map(str::parse::<u64>);
    let began = Timestamp { seconds: parts.next()?.ok()? as i64, nanos: parts.next()?.ok()? as u32 };
    let passed = nanos(clock(ClockId::MonotonicCoarse)) - nanos(began);
    let again = nanos(now()) - passed;
    let again = Timestamp { seconds: again.div_euclid(SECOND) as i64, nanos: again.rem_euclid(SECOND) as u32 };
    Some(mtime.min(again))
}

fn file_name(steady: Timestamp) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}_{}_{}_{number}", steady.seconds, steady.nanos, std::process::id())
}

const SECOND: i128 = 1_000_000_000;

fn nanos(time: Timestamp) -> i128 {
    i128::from(time.seconds) * SECOND + i128::from(time.nanos)
}

/// When a file was made or stamped; none if it is not there.
pub(crate) fn modified(path: &Path) -> Result<Option<Timestamp>> {
    let there = if_there(fs::symlink_metadata(path)).map_err(Error::io("stat", path.display()))?;
    Ok(there.as_ref().map(time_of))
}

fn time_of(meta: &fs::Metadata) -> Timestamp {
    Timestamp { seconds: meta.mtime(), nanos: meta.mtime_nsec() as u32 }
}

/// A time later than that of all files of the store that were made or stamped before: that of the gate, stamped until it
/// moves on, which takes no room on the disk. No clock tells it, as since Linux 6.13 the times of files are finer than,
/// and ahead of, the one that goes in ticks. Should somebody set the clock back meanwhile it is an earlier one.
pub(crate) fn later(store: &Store) -> Result<Timestamp> {
    let gate = store.gate();
    let time = || -> Result<Timestamp> {
        stamp(&gate)?;
        Ok(modified(&gate)?.unwrap_or_else(now))
    };
    let first = time()?;
    loop {
        std::thread::sleep(Duration::from_millis(1));
        let time = time()?;
        if time != first {
            return Ok(time);
        }
    }
}

/// The time of the clock that goes in ticks.
pub(crate) fn now() -> Timestamp {
    clock(ClockId::RealtimeCoarse)
}

fn clock(id: ClockId) -> Timestamp {
    let time = clock_gettime(id);
    Timestamp { seconds: time.tv_sec, nanos: time.tv_nsec as u32 }
}

/// An mtime of now.
const NOW: Timestamps = Timestamps {
    last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
    last_modification: Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
};

/// Sets the mtime to now; false if nothing is there.
pub(crate) fn stamp(path: &Path) -> Result<bool> {
    match utimensat(CWD, path, &NOW, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(Error::io("stamp", path.display())(errno)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn a_lease_begins_when_its_file_was_made() {
        let earlier = Timestamp::from_seconds(now().seconds - 60);
        let name = file_name(clock(ClockId::MonotonicCoarse));
        assert_eq!(start(earlier, &name), Some(earlier));
        assert_eq!(start(earlier, "no lease"), None);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_the_start_earlier() {
        let ahead = Timestamp::from_seconds(now().seconds + 3_600);
        let again = start(ahead, &file_name(clock(ClockId::MonotonicCoarse))).unwrap();
        assert!((again.seconds - now().seconds).abs() <= 1, "{again:?}");
    }

    #[test]
    fn a_store_that_was_half_made_is_made_whole() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("store");
        let store = Store::open(&root).unwrap();
        store.lease().unwrap();
        for path in ["blobs/sha256", "tmp.v1"] {
            fs::remove_dir_all(root.join(path)).unwrap();
        }
        fs::remove_file(root.join("leases.v1/.lock")).unwrap();
        let store = Store::open(&root).unwrap();
        store.lease().unwrap();
        store.put_document(b"x").unwrap();
    }

    #[test]
    fn what_a_killed_process_left_goes_with_the_next_that_writes() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("store")).unwrap();
        let tmp = store.dir(Bucket::Tmp);
        fs::create_dir_all(tmp.join("1-0/below")).unwrap();
        fs::write(tmp.join("1-0/below/file"), "x").unwrap();
        for name in ["1-1", "1-2", "1-3"] {
            fs::write(tmp.join(name), "x").unwrap();
        }
        let age = |name: &str, minutes: u64| {
            let old = SystemTime::now() - Duration::from_secs(60 * minutes);
            fs::File::open(tmp.join(name)).unwrap().set_modified(old).unwrap();
        };
        age("1-0", 60);
        age("1-1", 60);
        age("1-3", 20);
        let names = || {
            let mut names: Vec<_> = fs::read_dir(&tmp).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        // Somebody else has been at work for half an hour.
        let other = Store::open(store.root()).unwrap();
        other.lease().unwrap();
        let holder = Holder::new(&other).unwrap();
        let old = SystemTime::now() - Duration::from_mins(30);
        fs::File::open(&holder.path).unwrap().set_modified(old).unwrap();
        store.lease().unwrap();
        assert_eq!(names(), ["1-0", "1-1", "1-2", "1-3"], "who only looks removes nothing");
        store.hold().unwrap();
        assert_eq!(names(), ["1-2", "1-3"], "what the other may have made stays");
        drop((holder, other));
        store.release();
        store.lease().unwrap();
        store.hold().unwrap();
        assert_eq!(names(), ["1-2"], "it may be of a process that is making a store and has no lease yet");
    }
}

//! Cache mounts: directories that outlive builds, shared by their id. Knows locks and directories, not what is in them.

use crate::error::{Error, Result};
use rbuild_graph::Sharing;
use rbuild_oci::{Cancel, Digest};
use rbuild_store::{Bucket, Store};
use rustix::fs::{
    CWD, FlockOperation, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, flock, futimens,
    renameat_with,
};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A cache directory in use; the lock on it goes with it.
#[derive(Debug)]
pub(crate) struct CacheDir {
    /// The directory.
    pub(super) path: PathBuf,
    _lock: OwnedFd,
}

const NOW: Timestamps = Timestamps {
    last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
    last_modification: Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
};

/// A cache that a step wants.
pub(super) struct Wanted<'a> {
    /// What tells it from others.
    pub(super) name: &'a str,
    /// Who else may use it meanwhile.
    pub(super) sharing: Sharing,
    /// May put what others made of it in its place, while nobody uses it.
    pub(super) bring: &'a dyn Fn(&Path) -> Result<()>,
    /// Where there is no directory yet, gets an empty one that nobody sees before it is done.
    pub(super) fill: &'a dyn Fn(&Path) -> Result<()>,
}

/// The directory of a cache, locked as is asked.
pub(super) fn take(store: &Store, wanted: &Wanted<'_>, cancel: &Cancel) -> Result<CacheDir> {
    let (name, bucket) = (Digest::of(wanted.name.as_bytes()).hex(), store.dir(Bucket::Mounts));
    let (path, lock) = match wanted.sharing {
        Sharing::Shared => shared(&bucket, &name, wanted, cancel),
        Sharing::Locked => brought(wanted, bucket.join(&name), wait(&bucket, &name, ALONE, cancel)?),
        Sharing::Private => private(&bucket, &name).and_then(|(path, lock)| brought(wanted, path, lock)),
    }?;
    // When it was last used is said by its lock: the directory's own time is what steps see.
    futimens(&lock, &NOW).map_err(Error::io("stamp the lock of", path.display()))?;
    if !path.exists() {
        make(store, &path, wanted.fill)?;
    }
    Ok(CacheDir { path, _lock: lock })
}

const ALONE: FlockOperation = FlockOperation::NonBlockingLockExclusive;

/// How long is waited for a cache that nobody has to have.
const PATIENCE: Duration = Duration::from_secs(30);

/// The directory of a cache that was used before, while nobody else uses it; none where somebody goes on using it, or where
/// it is gone.
pub(crate) fn alone(store: &Store, name: &str, cancel: &Cancel) -> Result<Option<CacheDir>> {
    let (name, bucket, began) = (Digest::of(name.as_bytes()).hex(), store.dir(Bucket::Mounts), Instant::now());
    let (path, lock) = (bucket.join(&name), open(&bucket, &name)?);
    while flock(&lock, ALONE).is_err() {
        cancel.check()?;
        if began.elapsed() > PATIENCE {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(path.exists().then_some(CacheDir { path, _lock: lock }))
}

impl CacheDir {
    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The same, once what others made of it was brought.
fn brought(wanted: &Wanted<'_>, path: PathBuf, lock: OwnedFd) -> Result<(PathBuf, OwnedFd)> {
    (wanted.bring)(&path)?;
    Ok((path, lock))
}

/// Whoever comes while nobody uses the directory brings what there is to bring, and others wait for that.
fn shared(bucket: &Path, name: &str, wanted: &Wanted<'_>, cancel: &Cancel) -> Result<(PathBuf, OwnedFd)> {
    let (path, lock) = (bucket.join(name), open(bucket, name)?);
    if flock(&lock, ALONE).is_ok() {
        (wanted.bring)(&path)?;
    }
    wait_for(&lock, FlockOperation::NonBlockingLockShared, cancel)?;
    Ok((path, lock))
}

/// Makes a directory; one that another process makes at the same time wins.
fn make(store: &Store, path: &Path, fill: &dyn Fn(&Path) -> Result<()>) -> Result<()> {
    let draft = store.tmp_dir()?;
    // One below, as it may get an old time, and what is old in tmp counts as left behind.
    let fresh = draft.path().join("cache");
    std::fs::create_dir(&fresh).map_err(Error::io("create", fresh.display()))?;
    fill(&fresh)?;
    match renameat_with(CWD, &fresh, CWD, path, RenameFlags::NOREPLACE) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(Error::io("create", path.display())(errno)),
    }
}

/// The first of the directories of this id that nobody uses.
fn private(bucket: &Path, name: &str) -> Result<(PathBuf, OwnedFd)> {
    let (mut candidate, mut number) = (name.to_owned(), 0_u64);
    loop {
        let lock = open(bucket, &candidate)?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return Ok((bucket.join(candidate), lock));
        }
        number += 1;
        candidate = format!("{name}.{number}");
    }
}

/// Waits for the lock, looking up now and then whether the build was asked to stop.
fn wait(bucket: &Path, name: &str, operation: FlockOperation, cancel: &Cancel) -> Result<OwnedFd> {
    let lock = open(bucket, name)?;
    wait_for(&lock, operation, cancel)?;
    Ok(lock)
}

fn wait_for(lock: &OwnedFd, operation: FlockOperation, cancel: &Cancel) -> Result<()> {
    while flock(lock, operation).is_err() {
        cancel.check()?;
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn open(bucket: &Path, name: &str) -> Result<OwnedFd> {
    let path = bucket.join(format!("{name}.lock"));
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
    rustix::fs::open(&path, flags, Mode::from_raw_mode(0o600)).map_err(Error::io("open", path.display()))
}

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
use std::time::Duration;

/// A cache directory in use; the lock on it goes with it.
#[derive(Debug)]
pub(super) struct CacheDir {
    /// The directory.
    pub(super) path: PathBuf,
    _lock: OwnedFd,
}

const NOW: Timestamps = Timestamps {
    last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
    last_modification: Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
};

/// The directory of the cache `name`, locked as `sharing` asks. Where there is none yet, `fill` gets an empty one
/// that nobody sees before it is done.
pub(super) fn take(
    store: &Store,
    name: &str,
    sharing: Sharing,
    cancel: &Cancel,
    fill: &dyn Fn(&Path) -> Result<()>,
) -> Result<CacheDir> {
    let name = Digest::of(name.as_bytes()).hex();
    let bucket = store.dir(Bucket::Mounts);
    let wait = |operation| Ok((bucket.join(&name), wait(&bucket, &name, operation, cancel)?));
    let (path, lock) = match sharing {
        Sharing::Shared => wait(FlockOperation::NonBlockingLockShared),
        Sharing::Locked => wait(FlockOperation::NonBlockingLockExclusive),
        Sharing::Private => private(&bucket, &name),
    }?;
    // When it was last used is said by its lock: the directory's own time is what steps see.
    futimens(&lock, &NOW).map_err(Error::io("stamp the lock of", path.display()))?;
    if !path.exists() {
        make(store, &path, fill)?;
    }
    Ok(CacheDir { path, _lock: lock })
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
    while flock(&lock, operation).is_err() {
        cancel.check()?;
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(lock)
}

fn open(bucket: &Path, name: &str) -> Result<OwnedFd> {
    let path = bucket.join(format!("{name}.lock"));
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
    rustix::fs::open(&path, flags, Mode::from_raw_mode(0o600)).map_err(Error::io("open", path.display()))
}

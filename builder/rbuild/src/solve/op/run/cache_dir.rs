//! Cache mounts: directories that outlive builds, shared by their id. Knows locks and directories, not what is in them.

use crate::error::{Error, Result};
use rbuild_graph::{CacheMount, Sharing};
use rbuild_oci::{Cancel, Digest};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A cache directory in use; the lock on it goes with it.
#[derive(Debug)]
pub(super) struct CacheDir {
    /// The directory.
    pub(super) path: PathBuf,
    /// Whether it was made just now and is empty.
    pub(super) fresh: bool,
    _lock: OwnedFd,
}

/// The directory of a cache mount, locked as its sharing mode asks.
pub(super) fn take(bucket: &Path, mount: &CacheMount, cancel: &Cancel) -> Result<CacheDir> {
    let name = Digest::of(mount.id.as_bytes()).hex();
    match mount.sharing {
        Sharing::Shared => open(bucket, &name, mount, |lock| Ok(lock_now(lock, FlockOperation::NonBlockingLockShared))),
        Sharing::Locked => open(bucket, &name, mount, |lock| wait(lock, cancel)),
        Sharing::Private => private(bucket, &name, mount),
    }?
    .ok_or_else(|| Error::Step(format!("the cache mount {:?} is locked", mount.id)))
}

/// The first of the directories of this id that nobody uses.
fn private(bucket: &Path, name: &str, mount: &CacheMount) -> Result<Option<CacheDir>> {
    for number in 0..u32::MAX {
        let name = if number == 0 { name.to_owned() } else { format!("{name}.{number}") };
        let taken = open(bucket, &name, mount, |lock| Ok(lock_now(lock, FlockOperation::NonBlockingLockExclusive)))?;
        if taken.is_some() {
            return Ok(taken);
        }
    }
    Ok(None)
}

fn open(
    bucket: &Path,
    name: &str,
    mount: &CacheMount,
    take: impl FnOnce(&OwnedFd) -> Result<bool>,
) -> Result<Option<CacheDir>> {
    let lock_path = bucket.join(format!("{name}.lock"));
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
    let lock = rustix::fs::open(&lock_path, flags, Mode::from_raw_mode(0o600))
        .map_err(Error::io("open", lock_path.display()))?;
    if !take(&lock)? {
        return Ok(None);
    }
    let path = bucket.join(name);
    let fresh = match fs::create_dir(&path) {
        Ok(()) => true,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => false,
        Err(error) => return Err(Error::io("create", path.display())(error)),
    };
    if fresh {
        chown(&path, Some(mount.uid), Some(mount.gid)).map_err(Error::io("change the owner of", path.display()))?;
        let mode = fs::Permissions::from_mode(mount.mode);
        fs::set_permissions(&path, mode).map_err(Error::io("change the mode of", path.display()))?;
    }
    Ok(Some(CacheDir { path, fresh, _lock: lock }))
}

fn lock_now(lock: &OwnedFd, operation: FlockOperation) -> bool {
    flock(lock, operation).is_ok()
}

/// Waits for the lock, looking up now and then whether the build was asked to stop.
fn wait(lock: &OwnedFd, cancel: &Cancel) -> Result<bool> {
    while !lock_now(lock, FlockOperation::NonBlockingLockExclusive) {
        cancel.check()?;
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(true)
}

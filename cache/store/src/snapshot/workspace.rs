//! Directories in which drafts and snapshots are made, each flocked by its maker for as long as it is in use, so that
//! what a killed process left can be told from what is being written. Knows no snapshot's name.

use crate::error::{Error, Result};
use crate::root_dir::RootDir;
use rbuild_oci::Timestamp;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// The root directory of a snapshot or draft, in the directory that is its own.
pub(super) const FILES: &str = "fs";

/// A directory of this process's own, removed when dropped.
#[derive(Debug)]
pub(super) struct Workspace {
    path: PathBuf,
    given_away: bool,
    _lock: OwnedFd,
}

impl Workspace {
    /// A new one in `parent`, which is made if it is missing, with an empty root directory in it.
    pub(super) fn new(parent: &Path) -> Result<Self> {
        let workspace = Self::bare(parent)?;
        make_root(&workspace.files())?;
        Ok(workspace)
    }

    /// A new one with nothing in it.
    pub(super) fn bare(parent: &Path) -> Result<Self> {
        let gate = match open_dir(parent) {
            Err(error) if error.is_not_found() => {
                std::fs::create_dir_all(parent).map_err(Error::io("create directory", parent.display()))?;
                open_dir(parent)?
            }
            other => other?,
        };
        flock(&gate, FlockOperation::LockShared, parent)?;
        let path = fresh(parent)?;
        let lock = open_dir(&path)?;
        flock(&lock, FlockOperation::LockExclusive, &path)?;
        Ok(Self { path, given_away: false, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn files(&self) -> PathBuf {
        self.path.join(FILES)
    }

    /// Makes one more directory beside the files.
    pub(super) fn make(&self, name: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        rustix::fs::mkdir(&path, Mode::RWXU).map_err(Error::io("create directory", path.display()))?;
        Ok(path)
    }

    /// Makes a link beside the files that says something.
    pub(super) fn link(&self, name: &str, says: &str) -> Result<()> {
        let path = self.path.join(name);
        rustix::fs::symlink(says, &path).map_err(Error::io("create link", path.display()))
    }

    /// Removes a thing beside the files.
    pub(super) fn clear(&self, name: &str) -> Result<()> {
        RootDir::open(&self.path)?.remove_tree(name.as_bytes())
    }

    /// The file system's clock, as it stamps changes.
    pub(super) fn clock(&self) -> Result<Timestamp> {
        const TICK: &str = "tick";
        let ctime = RootDir::open(&self.make(TICK)?)?.top().stat(b".")?.ctime;
        self.clear(TICK).map(|()| ctime)
    }

    /// Renames it to `target`, whose owner it then is. False if that name is taken.
    pub(super) fn publish(&mut self, target: &Path) -> Result<bool> {
        match rustix::fs::rename(&self.path, target) {
            Ok(()) => {
                self.given_away = true;
                Ok(true)
            }
            Err(Errno::EXIST | Errno::NOTEMPTY) => Ok(false),
            Err(errno) => Err(Error::io("rename", target.display())(errno)),
        }
    }

    /// Removes it, and says if that fails.
    pub(super) fn remove(mut self) -> Result<()> {
        self.given_away = true;
        remove_all(&self.path)
    }
}

impl Drop for Workspace {
    /// What cannot be removed now is left to [`sweep`].
    fn drop(&mut self) {
        if !self.given_away {
            remove_all(&self.path).ok();
        }
    }
}

/// Removes what killed processes left in `parent`. Others wait only while it is looked for.
pub(super) fn sweep(parent: &Path) -> Result<()> {
    let abandoned = match open_dir(parent) {
        Err(error) if error.is_not_found() => return Ok(()),
        gate => find_abandoned(parent, &gate?)?,
    };
    let root = RootDir::open(parent)?;
    abandoned.iter().try_for_each(|(name, _lock)| root.remove_tree(name))
}

/// Directories that nobody holds, now held by us. No new one appears while the gate is locked.
fn find_abandoned(parent: &Path, gate: &OwnedFd) -> Result<Vec<(Vec<u8>, OwnedFd)>> {
    flock(gate, FlockOperation::LockExclusive, parent)?;
    let mut abandoned = Vec::new();
    for entry in RootDir::open(parent)?.list(b"")? {
        let name = String::from_utf8_lossy(&entry.name).into_owned();
        let lock = match open_dir(&parent.join(name)) {
            Err(error) if error.is_not_found() => continue,
            other => other?,
        };
        if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            abandoned.push((entry.name, lock));
        }
    }
    flock(gate, FlockOperation::Unlock, parent)?;
    Ok(abandoned)
}

/// Makes an empty root directory, as it is below all layers: root's, 0755, of 1970.
pub(super) fn make_root(path: &Path) -> Result<()> {
    rustix::fs::mkdir(path, Mode::from_raw_mode(0o755)).map_err(Error::io("create directory", path.display()))?;
    let root = RootDir::open(path)?;
    root.top().chmod(b".", 0o755)?;
    root.top().set_times(b".", Timestamp::default())
}

/// A new directory with a name that nobody else has.
fn fresh(parent: &Path) -> Result<PathBuf> {
    loop {
        let mut random = [0; 8];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
            .map_err(Error::io("draw a name in", parent.display()))?;
        let path = parent.join(format!("{:016x}", u64::from_ne_bytes(random)));
        match rustix::fs::mkdir(&path, Mode::RWXU) {
            Err(Errno::EXIST) => {}
            other => return other.map(|()| path).map_err(Error::io("create directory in", parent.display())),
        }
    }
}

fn remove_all(path: &Path) -> Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    RootDir::open(parent)?.remove_tree(name.as_encoded_bytes())
}

fn open_dir(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(Error::io("open directory", path.display()))
}

fn flock(fd: &OwnedFd, operation: FlockOperation, path: &Path) -> Result<()> {
    rustix::io::retry_on_intr(|| rustix::fs::flock(fd, operation)).map_err(Error::io("lock", path.display()))
}

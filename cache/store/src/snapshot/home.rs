//! Where one driver keeps its snapshots for one id map, and what can be said of them without knowing the driver.
//!
//! ```text
//! BUCKET/DRIVER/ID MAP/
//!   CHAIN HEX/           one snapshot
//!     fs/                its files
//!     boot -> BOOT ID    the boot in which it was made (a link needs no block)
//!     synced             made once all of it is on disk for sure
//!   CHAIN HEX.flat/      (overlay) some layers up to this one merged, for stacks deeper than the kernel takes
//!   tmp/NAME/            drafts and snapshots being made, each flocked by its maker
//! ```
//! A snapshot of another boot that was never synced is not trusted: a crash may have torn it.

use crate::error::{Error, Result};
use crate::root_dir::RootDir;
use rbuild_oci::{ChainId, Digest, Timestamp};
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const TEMPORARY: &str = "tmp";
const FLAT: &str = "flat";
/// The root directory of a snapshot or draft, in the directory that is its own.
pub(super) const FILES: &str = "fs";
const BOOT: &str = "boot";
const SYNCED: &str = "synced";

/// The directory of one driver's snapshots for one id map.
#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    boot: String,
    /// Names of snapshots that this process found good.
    trusted: Mutex<BTreeSet<String>>,
}

/// A snapshot as it lies in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub chain: ChainId,
    /// When a process last began to use it.
    pub used: Timestamp,
}

/// A directory of this process's own below `tmp/`, removed when dropped.
#[derive(Debug)]
pub(super) struct Workspace {
    path: PathBuf,
    published: bool,
    _lock: OwnedFd,
}

impl Home {
    /// The home of `driver` for `id_map` (a name that tells maps of ids apart, as in "root" or "subids-100000") in the
    /// bucket. Makes nothing yet.
    pub fn open(bucket: &Path, driver: &str, id_map: &str) -> Result<Self> {
        const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
        let boot = std::fs::read_to_string(BOOT_ID).map_err(Error::io("read", BOOT_ID))?;
        let (path, trusted) = (bucket.join(driver).join(id_map), Mutex::default());
        Ok(Self { path, boot: boot.trim_end().to_owned(), trusted })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The snapshots, by name; unsound ones too.
    pub fn list(&self) -> Result<Vec<Stored>> {
        let mut found = Vec::new();
        for name in names(&self.path)? {
            let Ok(digest) = Digest::from_hex(&name) else { continue };
            let path = self.path.join(name);
            match rustix::fs::lstat(&path) {
                Ok(stat) => found.push(Stored { chain: ChainId(digest), used: Timestamp::from_seconds(stat.st_mtime) }),
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(Error::io("stat", path.display())(errno)),
            }
        }
        Ok(found)
    }

    /// Removes a snapshot; fine if there is none. No draft on top of it may be in use.
    pub fn remove(&self, chain: &ChainId) -> Result<()> {
        [chain.hex(), flat_name(chain)].iter().try_for_each(|name| self.discard(name))
    }

    /// Makes sure that those of these snapshots that are there survive a crash from now on, with one flush of the file
    /// system for all of them.
    pub fn sync<'a>(&self, chains: impl IntoIterator<Item = &'a ChainId>) -> Result<()> {
        let mut marks = Vec::new();
        for chain in chains {
            let snapshot = self.path.join(chain.hex());
            if is_there(&snapshot)? && !is_there(&snapshot.join(SYNCED))? {
                marks.push(snapshot.join(SYNCED));
            }
        }
        if marks.is_empty() {
            return Ok(());
        }
        rustix::fs::syncfs(open_dir(&self.path)?).map_err(Error::io("sync", self.path.display()))?;
        marks.iter().try_for_each(|mark| std::fs::write(mark, []).map_err(Error::io("create", mark.display())))
    }

    /// Removes what killed processes left below `tmp/`.
    pub fn sweep(&self) -> Result<()> {
        let temporary = self.path.join(TEMPORARY);
        if !is_there(&temporary)? {
            return Ok(());
        }
        let (gate, root) = (open_dir(&temporary)?, RootDir::open(&temporary)?);
        flock(&gate, FlockOperation::LockExclusive, &temporary)?;
        for name in names(&temporary)? {
            let abandoned = match open_dir(&temporary.join(&name)) {
                Ok(dir) => rustix::fs::flock(dir, FlockOperation::NonBlockingLockExclusive).is_ok(),
                Err(error) if error.is_not_found() => false,
                Err(error) => return Err(error),
            };
            if abandoned {
                root.remove_tree(name.as_bytes())?;
            }
        }
        Ok(())
    }

    /// The files of a snapshot.
    pub(super) fn files(&self, chain: &ChainId) -> PathBuf {
        self.path.join(chain.hex()).join(FILES)
    }

    /// Whether there is a snapshot that can be trusted; one that cannot is removed. Stamps it as used.
    pub(super) fn has(&self, chain: &ChainId) -> Result<bool> {
        self.has_name(&chain.hex())
    }

    /// The files of the merged layers up to this one, if they are there.
    pub(super) fn flat(&self, chain: &ChainId) -> Result<Option<PathBuf>> {
        let name = flat_name(chain);
        Ok(self.has_name(&name)?.then(|| self.path.join(name).join(FILES)))
    }

    /// A new directory with an empty `fs` in it.
    pub(super) fn workspace(&self) -> Result<Workspace> {
        let temporary = self.path.join(TEMPORARY);
        let gate = match open_dir(&temporary) {
            Err(error) if error.is_not_found() => {
                std::fs::create_dir_all(&temporary).map_err(Error::io("create directory", temporary.display()))?;
                open_dir(&temporary)?
            }
            other => other?,
        };
        flock(&gate, FlockOperation::LockShared, &temporary)?;
        let path = fresh(&temporary)?;
        let lock = open_dir(&path)?;
        flock(&lock, FlockOperation::LockExclusive, &path)?;
        let workspace = Workspace { path, published: false, _lock: lock };
        make_root(&RootDir::open(&workspace.path)?, FILES)?;
        Ok(workspace)
    }

    /// Makes the workspace the snapshot of `chain`. Fine if another process was faster.
    pub(super) fn publish(&self, workspace: Workspace, chain: &ChainId) -> Result<()> {
        self.publish_as(workspace, chain.hex())
    }

    /// Makes the workspace the merged layers up to `chain`. Fine if another process was faster.
    pub(super) fn publish_flat(&self, workspace: Workspace, chain: &ChainId) -> Result<()> {
        self.publish_as(workspace, flat_name(chain))
    }

    fn publish_as(&self, mut workspace: Workspace, name: String) -> Result<()> {
        let (mark, target) = (workspace.path.join(BOOT), self.path.join(&name));
        std::os::unix::fs::symlink(&self.boot, &mark).map_err(Error::io("create link", mark.display()))?;
        loop {
            match rustix::fs::rename(&workspace.path, &target) {
                Ok(()) => {
                    workspace.published = true;
                    self.trust(name);
                    return Ok(());
                }
                Err(Errno::EXIST | Errno::NOTEMPTY) if self.has_name(&name)? => return Ok(()),
                Err(Errno::EXIST | Errno::NOTEMPTY) => {}
                Err(errno) => return Err(Error::io("rename", target.display())(errno)),
            }
        }
    }

    fn has_name(&self, name: &str) -> Result<bool> {
        if self.trusted.lock().unwrap_or_else(PoisonError::into_inner).contains(name) {
            return Ok(true);
        }
        let path = self.path.join(name);
        if !is_there(&path)? {
            return Ok(false);
        }
        let boot = rustix::fs::readlink(path.join(BOOT), Vec::new()).unwrap_or_default();
        if boot.as_bytes() != self.boot.as_bytes() && !is_there(&path.join(SYNCED))? {
            self.discard(name)?;
            return Ok(false);
        }
        let now = rustix::fs::Timestamps {
            last_access: rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW },
            last_modification: rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW },
        };
        rustix::fs::utimensat(rustix::fs::CWD, &path, &now, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)
            .map_err(Error::io("stamp", path.display()))?;
        self.trust(name.to_owned());
        Ok(true)
    }

    fn trust(&self, name: String) {
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
    }

    /// Renames first, so that nobody sees a half of it.
    fn discard(&self, name: &str) -> Result<()> {
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        let path = self.path.join(name);
        if !is_there(&path)? {
            return Ok(());
        }
        let workspace = self.workspace()?;
        match rustix::fs::rename(&path, workspace.path.join(name)) {
            Ok(()) | Err(Errno::NOENT) => workspace.remove(),
            Err(errno) => Err(Error::io("remove snapshot", path.display())(errno)),
        }
    }
}

impl Workspace {
    pub(super) fn files(&self) -> PathBuf {
        self.path.join(FILES)
    }

    /// Makes one more directory beside the files.
    pub(super) fn make(&self, name: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        rustix::fs::mkdir(&path, Mode::RWXU).map_err(Error::io("create directory", path.display()))?;
        Ok(path)
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

    fn remove(mut self) -> Result<()> {
        self.published = true;
        remove_all(&self.path)
    }
}

impl Drop for Workspace {
    /// What cannot be removed now is left to [`Home::sweep`].
    fn drop(&mut self) {
        if !self.published {
            remove_all(&self.path).ok();
        }
    }
}

/// Makes an empty root directory `name` in `place`, as it is below all layers: root's, 0755, of 1970.
pub(super) fn make_root(place: &RootDir, name: &str) -> Result<()> {
    let name = name.as_bytes();
    place.mkdir(name, 0o755)?;
    place.chmod(name, 0o755)?;
    place.set_times(name, Timestamp::default())
}

fn names(path: &Path) -> Result<Vec<String>> {
    match RootDir::open(path).and_then(|root| root.list(b"")) {
        Ok(entries) => Ok(entries.into_iter().filter_map(|entry| String::from_utf8(entry.name).ok()).collect()),
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn remove_all(path: &Path) -> Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    RootDir::open(parent)?.remove_tree(name.as_encoded_bytes())
}

fn flat_name(chain: &ChainId) -> String {
    format!("{}.{FLAT}", chain.hex())
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

fn is_there(path: &Path) -> Result<bool> {
    match rustix::fs::lstat(path) {
        Ok(_) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(Error::io("stat", path.display())(errno)),
    }
}

fn open_dir(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(Error::io("open directory", path.display()))
}

fn flock(fd: &OwnedFd, operation: FlockOperation, path: &Path) -> Result<()> {
    rustix::io::retry_on_intr(|| rustix::fs::flock(fd, operation)).map_err(Error::io("lock", path.display()))
}

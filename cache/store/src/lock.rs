//! flock(2) on a file or directory of the store: between processes and between handles of one process. Knows nothing of
//! what is locked. A lock goes when its handle is closed, so a killed process holds none.

use crate::error::{Error, Result};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;
use std::fs::File;
use std::path::{Path, PathBuf};

/// A handle that can be locked; each is a party of its own.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Opens a lock file, making it if it is missing; what is there is not written to.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::with(path, OFlags::RDONLY | OFlags::CREATE)
    }

    /// Opens what is there, a directory too.
    pub(crate) fn open_existing(path: &Path) -> Result<Self> {
        Self::with(path, OFlags::RDONLY)
    }

    /// The lock on a file that is open already.
    pub(crate) fn of(file: &File, path: &Path) -> Result<Self> {
        let file = file.try_clone().map_err(Error::io("open", path.display()))?;
        Ok(Self { file, path: path.to_owned() })
    }

    fn with(path: &Path, flags: OFlags) -> Result<Self> {
        let opened = rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::from_raw_mode(0o644));
        let file = opened.map_err(Error::io("open", path.display()))?.into();
        Ok(Self { file, path: path.to_owned() })
    }

    /// Waits until nobody holds it alone, then holds it with others.
    pub(crate) fn share(&self) -> Result<()> {
        self.flock(FlockOperation::LockShared).map(drop)
    }

    /// Waits until nobody else holds it, then holds it alone.
    pub(crate) fn take(&self) -> Result<()> {
        self.flock(FlockOperation::LockExclusive).map(drop)
    }

    /// Holds it alone if nobody else holds it now; says whether it does.
    pub(crate) fn try_take(&self) -> Result<bool> {
        self.flock(FlockOperation::NonBlockingLockExclusive)
    }

    /// Holds it no more.
    pub(crate) fn release(&self) -> Result<()> {
        self.flock(FlockOperation::Unlock).map(drop)
    }

    fn flock(&self, operation: FlockOperation) -> Result<bool> {
        match rustix::io::retry_on_intr(|| flock(&self.file, operation)) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(errno) => Err(Error::io("lock", self.path.display())(errno)),
        }
    }
}

//! A mount that was brought and is not in its place yet: nobody sees a half of it.

use super::{Ground, Manifest, Note, print::print};
use crate::error::Result;
use rbuild_store::{Error, TmpDir};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::path::{Path, PathBuf};

/// A whole mount in a directory that nobody looks at. Dropping it removes it.
#[derive(Debug)]
pub struct Arrived {
    pub(super) dir: TmpDir,
    pub(super) depot: String,
    pub(super) manifest: Manifest,
    /// Bytes that were read from the depot.
    pub brought: u64,
    /// Pieces that were read from the depot, of [`Manifest::pieces`].
    pub pieces: usize,
}

/// Below the directory in tmp: it may get an old time, and what is old in tmp counts as left behind.
const NAME: &str = "mount";

impl Arrived {
    /// What was brought.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The depot it is from.
    pub fn depot(&self) -> &str {
        &self.depot
    }

    /// Moves it to `mount` in one step and notes what it is. What is there gives way: it was seen to be untouched by a
    /// caller who still holds its lock alone. Where it was not there another process may be faster: false.
    pub fn settle(self, ground: &Ground<'_>, mount: &Path) -> Result<bool> {
        let (fresh, failed) = (fresh_in(&self.dir), Error::io("move to", mount.display()));
        let flags = if mount.exists() { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
        match renameat_with(CWD, &fresh, CWD, mount, flags) {
            Err(Errno::EXIST) => return Ok(false),
            done => done.map_err(failed)?,
        }
        let print = print(mount, ground.cancel)?;
        let asked = self.manifest.when;
        Note { depot: self.depot, print, manifest: self.manifest, asked }.keep(ground, mount)?;
        Ok(true)
    }
}

/// Where in its directory in tmp it is.
pub(super) fn fresh_in(dir: &TmpDir) -> PathBuf {
    dir.path().join(NAME)
}

//! Where one driver keeps its snapshots for one id map, and what can be said of them without knowing the driver.
//!
//! ```text
//! BUCKET/DRIVER/ID MAP/
//!   CHAIN HEX/           one snapshot
//!     fs/                its files
//!     boot -> BOOT ID    the boot in which it was made (a link needs no block)
//!     over -> CHAIN HEX  (overlay) the files are to be laid over those of that snapshot, which is on the same stack
//!   CHAIN HEX.flat/      (overlay) some layers up to this one merged, for stacks deeper than the kernel takes
//!   places/, …           (overlay) layers of places to mount on, each made like a snapshot
//!   upon/                (overlay) which snapshots are worth laying others over
//!   worked               (overlay) where overlays were tried and work: boot, capabilities, filter
//!   tmp/NAME/            drafts and snapshots being made, each flocked by its maker
//! ```
//! Nothing is synced: a snapshot of another boot is not trusted, as a crash may have torn it.

use super::turns::{Turn, Turns};
use super::workspace::{self, FILES, Workspace};
use crate::boot::boot_id;
use crate::error::{Error, Result};
use crate::lease;
use crate::lock::Lock;
use crate::root_dir::RootDir;
use rbuild_oci::{ChainId, Digest, Timestamp};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const TEMPORARY: &str = "tmp";
pub(super) const FLAT: &str = "flat";
pub(super) const BOOT: &str = "boot";
const OVER: &str = "over";

/// The directory of one driver's snapshots for one id map.
#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    boot: &'static str,
    /// Names of snapshots that this process found good.
    trusted: Mutex<BTreeSet<String>>,
    turns: Turns,
}

/// A snapshot as it lies in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub chain: ChainId,
    /// When a process last began to use it.
    pub used: Timestamp,
}

impl Home {
    /// The home of `driver` for `id_map` (a name that tells maps of ids apart, as in "root" or "subids-100000") in the
    /// bucket. Makes nothing yet.
    pub fn open(bucket: &Path, driver: &str, id_map: &str) -> Result<Self> {
        let (path, trusted, turns) = (bucket.join(driver).join(id_map), Mutex::default(), Turns::default());
        Ok(Self { path, boot: boot_id()?, trusted, turns })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The snapshots, by name; unsound ones too.
    pub fn list(&self) -> Result<Vec<Stored>> {
        let root = match RootDir::open(&self.path) {
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            other => other?,
        };
        let mut found = Vec::new();
        for entry in root.list(b"")? {
            let Ok(digest) = Digest::from_hex(&String::from_utf8_lossy(&entry.name)) else { continue };
            match root.stat(&entry.name) {
                Err(error) if error.is_not_found() => {}
                stat => found.push(Stored { chain: ChainId(digest), used: stat?.mtime }),
            }
        }
        Ok(found)
    }

    /// Removes a snapshot; fine if there is none.
    #[cfg(test)]
    pub(super) fn remove(&self, chain: &ChainId) -> Result<()> {
        [chain.hex(), flat_name(chain)].iter().try_for_each(|name| self.discard(name, &|| Ok(true)))
    }

    /// Removes what killed processes left below `tmp/`, and what is noted of snapshots that are gone.
    pub fn sweep(&self) -> Result<()> {
        workspace::sweep(&self.path.join(TEMPORARY))?;
        self.sweep_offers();
        Ok(())
    }

    /// The snapshot that the files of this one are to be laid over, if there is one: they are of no use without it.
    pub fn under(&self, chain: &ChainId) -> Result<Option<ChainId>> {
        self.under_name(&chain.hex())
    }

    /// The boot that the machine is in.
    pub(super) fn boot(&self) -> &str {
        self.boot
    }

    /// The files of a snapshot; of one that lies over another those that differ, with the root directory.
    pub(super) fn files(&self, chain: &ChainId) -> PathBuf {
        self.path.join(chain.hex()).join(FILES)
    }

    /// The directories that make up a snapshot, highest first.
    pub fn directories(&self, chain: &ChainId) -> Result<Vec<PathBuf>> {
        let under = self.under(chain)?;
        Ok([Some(*chain), under].iter().flatten().map(|chain| self.files(chain)).collect())
    }

    /// Whether there is a snapshot that can be trusted; one that cannot is removed. Stamps it as used.
    pub(super) fn has(&self, chain: &ChainId) -> Result<bool> {
        self.has_name(&chain.hex())
    }

    /// Whether others may be laid over a snapshot: it is there, sound, and lies over none.
    pub(super) fn is_base(&self, chain: &ChainId) -> Result<bool> {
        let path = self.path.join(chain.hex());
        Ok(self.is_of_this_boot(&path) && !is_there(&path.join(OVER))?)
    }

    /// Whether a snapshot that is there is worth having.
    pub(crate) fn is_sound(&self, chain: &ChainId) -> Result<bool> {
        Ok(self.parts(&chain.hex())?.is_some())
    }

    /// The files of the merged layers up to this one, if they are there.
    pub(super) fn flat(&self, chain: &ChainId) -> Result<Option<PathBuf>> {
        let name = flat_name(chain);
        Ok(self.has_name(&name)?.then(|| self.path.join(name).join(FILES)))
    }

    /// The turn to make a snapshot; none where it is there, or was made while others had the turn.
    pub(super) fn turn(&self, chain: &ChainId) -> Result<Option<Turn<'_>>> {
        if self.has(chain)? {
            return Ok(None);
        }
        let turn = self.turns.take(chain);
        Ok(if self.has(chain)? { None } else { Some(turn) })
    }

    /// A place to work in, with an empty root directory.
    pub(super) fn workspace(&self) -> Result<Workspace> {
        Workspace::new(&self.path.join(TEMPORARY))
    }

    /// A place to work in, with nothing in it.
    pub(super) fn bare_workspace(&self) -> Result<Workspace> {
        Workspace::bare(&self.path.join(TEMPORARY))
    }

    /// Makes the workspace the snapshot of `chain`, laid over that of `under`. Fine if another process was faster; false if
    /// there is no sound one then, as `under` is gone, say.
    pub(super) fn publish_over(&self, mut workspace: Workspace, chain: &ChainId, under: &ChainId) -> Result<bool> {
        workspace.link(OVER, &under.hex())?;
        workspace.link(BOOT, self.boot)?;
        // What it needs is stamped once that can be seen: who is about to remove it may have looked before.
        workspace.publish(&self.path.join(chain.hex()))?;
        self.has(chain)
    }

    /// Makes the workspace the snapshot of `chain`. Fine if another process was faster.
    pub(super) fn publish(&self, workspace: Workspace, chain: &ChainId) -> Result<()> {
        self.publish_as(workspace, chain.hex())
    }

    /// Makes the workspace the merged layers up to `chain`. Fine if another process was faster.
    pub(super) fn publish_flat(&self, workspace: Workspace, chain: &ChainId) -> Result<()> {
        self.publish_as(workspace, flat_name(chain))
    }

    pub(super) fn publish_as(&self, mut workspace: Workspace, name: String) -> Result<()> {
        let target = self.path.join(&name);
        workspace.link(BOOT, self.boot)?;
        while !workspace.publish(&target)? {
            if self.has_name(&name)? {
                return Ok(());
            }
        }
        self.trust(name);
        Ok(())
    }

    fn has_name(&self, name: &str) -> Result<bool> {
        if self.trusted.lock().unwrap_or_else(PoisonError::into_inner).contains(name) {
            return Ok(true);
        }
        let path = self.path.join(name);
        if !is_there(&path)? {
            return Ok(false);
        }
        // Who removes snapshots has this lock alone.
        let lock = Lock::open_existing(&self.path)?;
        lock.share()?;
        let Some(parts) = self.parts(name)? else {
            drop(lock);
            self.discard(name, &|| Ok(self.parts(name)?.is_none()))?;
            return Ok(false);
        };
        let stamped = parts.iter().try_fold(true, |all, part| Ok::<_, Error>(all && lease::stamp(part)?))?;
        if stamped {
            self.trust(name.to_owned());
        }
        Ok(stamped)
    }

    /// What is there and makes up a snapshot: what it is to be laid over, and itself. None unless that is worth having: it
    /// is of this boot, and so is what it is to be laid over, which lies over nothing.
    fn parts(&self, name: &str) -> Result<Option<Vec<PathBuf>>> {
        let path = self.path.join(name);
        if !self.is_of_this_boot(&path) {
            return Ok(None);
        }
        let Some(link) = self.over(name)? else { return Ok(Some(vec![path])) };
        match chain_of(&link) {
            Some(under) if self.is_base(&under)? => Ok(Some(vec![self.path.join(under.hex()), path])),
            _ => Ok(None),
        }
    }

    /// Whether what is there is of this boot: no crash since it was made can have torn it then.
    pub(super) fn is_of_this_boot(&self, path: &Path) -> bool {
        rustix::fs::readlink(path.join(BOOT), Vec::new()).is_ok_and(|boot| boot.as_bytes() == self.boot.as_bytes())
    }

    fn under_name(&self, name: &str) -> Result<Option<ChainId>> {
        Ok(self.over(name)?.and_then(|link| chain_of(&link)))
    }

    /// What the link says that a snapshot over another one has.
    fn over(&self, name: &str) -> Result<Option<CString>> {
        let link = self.path.join(name).join(OVER);
        match rustix::fs::readlink(&link, Vec::new()) {
            Err(Errno::NOENT) => Ok(None),
            read => read.map(Some).map_err(Error::io("read link", link.display())),
        }
    }

    fn trust(&self, name: String) {
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
    }

    /// Removes what is still to be removed once nobody else can come to use it. It is renamed first, so that nobody sees a
    /// half of it.
    fn discard(&self, name: &str, is_to_go: &dyn Fn() -> Result<bool>) -> Result<()> {
        let lock = Lock::open_existing(&self.path)?;
        lock.take()?;
        let workspace = if is_to_go()? { self.rename_away(name)? } else { None };
        drop(lock);
        workspace.map_or(Ok(()), Workspace::remove)
    }

    /// Gives what it is in then.
    fn rename_away(&self, name: &str) -> Result<Option<Workspace>> {
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        let path = self.path.join(name);
        if !is_there(&path)? {
            return Ok(None);
        }
        let workspace = self.bare_workspace()?;
        match rustix::fs::rename(&path, workspace.path().join(name)) {
            Ok(()) | Err(Errno::NOENT) => Ok(Some(workspace)),
            Err(errno) => Err(Error::io("remove snapshot", path.display())(errno)),
        }
    }
}

fn flat_name(chain: &ChainId) -> String {
    format!("{}.{FLAT}", chain.hex())
}

fn chain_of(link: &CStr) -> Option<ChainId> {
    Digest::from_hex(link.to_str().ok()?).ok().map(ChainId)
}

fn is_there(path: &Path) -> Result<bool> {
    match rustix::fs::lstat(path) {
        Ok(_) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(Error::io("stat", path.display())(errno)),
    }
}

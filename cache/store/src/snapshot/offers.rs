//! Large snapshots that others may be laid over, by the stack on which they are: `upon/STACK/CHAIN HEX -> DIFF HEX`. Hints
//! and no more: what is noted may be gone, and what is there need not be noted. Knows no driver.

use super::StackLayer;
use super::home::Home;
use crate::error::{Error, Result};
use crate::root_dir::{Dir, RootDir};
use rbuild_oci::{ChainId, DiffId, Digest};
use std::cmp::Reverse;
use std::path::PathBuf;

const UPON: &str = "upon";
/// Stands for the stack of no layers.
const NOTHING: &str = "nothing";
/// How many are looked at.
const MOST: usize = 3;

impl Home {
    /// Notes that the snapshot of a layer on the stack `below` may be laid over.
    pub(super) fn offer(&self, below: Option<&ChainId>, layer: &StackLayer) -> Result<()> {
        let shelf = self.shelf(below);
        std::fs::create_dir_all(&shelf).map_err(Error::io("create directory", shelf.display()))?;
        let (chain, diff) = (layer.chain.hex(), layer.diff.0.hex());
        match RootDir::open(&shelf).and_then(|shelf| shelf.top().symlink(diff.as_bytes(), chain.as_bytes())) {
            // A sweep took the shelf, as it was empty; or another process was faster.
            Err(error) if error.is_not_found() || error.is_taken() => Ok(()),
            other => other,
        }
    }

    /// Snapshots on the stack `below` that may be laid over, the last used first, each with its own layer.
    pub(super) fn offers(&self, below: Option<&ChainId>) -> Result<Vec<(ChainId, DiffId)>> {
        let home = RootDir::open(self.path())?;
        let shelf = match RootDir::open(&self.shelf(below)) {
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            other => other?,
        };
        let mut offers = Vec::new();
        for chain in shelf.list(b"")? {
            if let (Ok(meta), Some(offer)) = (home.stat(&chain.name), read(shelf.top(), &chain.name)) {
                offers.push((Reverse(meta.mtime), offer));
            }
        }
        offers.sort();
        Ok(offers.into_iter().map(|(_, offer)| offer).take(MOST).collect())
    }

    /// Removes what is said of snapshots that are gone. What cannot be removed, or is removed by another process, is left.
    pub(super) fn sweep_offers(&self) {
        let Ok(home) = RootDir::open(self.path()) else { return };
        let Ok(upon) = home.subroot(UPON.as_bytes()) else { return };
        for shelf in upon.list(b"").unwrap_or_default() {
            let Ok(dir) = upon.open_dir(&shelf.name) else { continue };
            for chain in dir.list().unwrap_or_default() {
                if home.stat(&chain.name).is_err_and(|error| error.is_not_found()) {
                    dir.remove(&chain.name).ok();
                }
            }
            // One that holds any stays.
            upon.top().remove_dir(&shelf.name).ok();
        }
    }

    fn shelf(&self, below: Option<&ChainId>) -> PathBuf {
        self.path().join(UPON).join(below.map_or_else(|| NOTHING.to_owned(), ChainId::hex))
    }
}

/// What a link of a shelf says; none where it is none of ours.
fn read(shelf: &Dir, name: &[u8]) -> Option<(ChainId, DiffId)> {
    let digest = |hex: &[u8]| Digest::from_hex(std::str::from_utf8(hex).ok()?).ok();
    Some((ChainId(digest(name)?), DiffId(digest(&shelf.readlink(name).ok()?)?)))
}

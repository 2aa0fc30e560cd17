//! Puts away what a check found damaged and nobody made by hand. Looks again before it does.

use super::{Finding, Remedy, blobs};
use crate::error::{Error, Result};
use rbuild_oci::{Cancel, Digest};
use rbuild_store::content::ContentStore;
use rbuild_store::{Group, GroupKind, Store, if_there};
use std::fs;
use std::path::Path;

/// What became of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mended {
    /// It is put away, or put right.
    Yes,
    /// Another process uses it.
    Busy,
    /// Only a person can tell what to do.
    No,
}

/// Does what the remedy of a finding is.
pub fn mend(store: &Store, finding: &Finding, cancel: &Cancel) -> Result<Mended> {
    match &finding.remedy {
        Remedy::None => Ok(Mended::No),
        Remedy::Index => {
            store.refs().refresh()?;
            Ok(Mended::Yes)
        }
        Remedy::Blob(digest) => {
            let _passage = store.pass()?;
            let path = store.blob_path(digest);
            let is_fine =
                matches!(blobs::hash(&path, &|_| {}, cancel), Ok(found) if found.is_none_or(|found| found == *digest));
            if !is_fine {
                store.content().remove(digest)?;
            }
            Ok(Mended::Yes)
        }
        Remedy::File(path) => {
            let _passage = store.pass()?;
            if_there(fs::remove_file(path)).map_err(Error::io("remove", path.display()))?;
            Ok(Mended::Yes)
        }
        Remedy::Snapshot(path) => snapshot(store, path, cancel),
    }
}

/// A snapshot goes as one that nobody needs: not where somebody may be at work on it.
fn snapshot(store: &Store, path: &Path, cancel: &Cancel) -> Result<Mended> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let digest = Digest::from_hex(name.get(..64).unwrap_or_default())?;
    let mut sweep = store.sweep(cancel)?;
    let used = sweep.horizon();
    let earlier = rbuild_oci::Timestamp::from_seconds(used.seconds - 1);
    let group = Group { kind: GroupKind::Content(digest), paths: vec![path.to_owned()], used: earlier };
    let swept = sweep.discard(vec![group])?;
    Ok(if swept.kept.is_empty() { Mended::Yes } else { Mended::Busy })
}

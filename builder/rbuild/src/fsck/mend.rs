//! Puts away what a check found damaged and nobody made by hand. Looks again before it does.

use super::{Finding, Looked, Remedy, blobs, images, state};
use crate::error::{Error, Result};
use rbuild_oci::{Cancel, Digest};
use rbuild_store::content::ContentStore;
use rbuild_store::{Bucket, Group, GroupKind, Store, if_there};
use std::fs;
use std::path::Path;

/// What became of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mended {
    /// It is put away, or put right.
    Yes,
    /// Another process uses it.
    Busy,
    /// Only a person can tell what to do, as where it cannot be read.
    No,
}

/// Does what the remedy of a finding is.
pub fn mend(store: &Store, finding: &Finding, cancel: &Cancel) -> Result<Mended> {
    cancel.check()?;
    match &finding.remedy {
        Remedy::None => Ok(Mended::No),
        Remedy::Index => {
            store.refs().refresh()?;
            Ok(Mended::Yes)
        }
        Remedy::Blob(digest) => {
            let _passage = store.pass()?;
            away(differs(&store.blob_path(digest), digest, cancel)?, || {
                store.content().remove(digest).map(drop).map_err(Error::from)
            })
        }
        Remedy::Content(path, digest) => {
            let _passage = store.pass()?;
            away(differs(path, digest, cancel)?, || remove(path))
        }
        Remedy::File(path) => {
            let _passage = store.pass()?;
            away(Some(again(store, path)?.contains(finding)), || remove(path))
        }
        Remedy::Snapshot(path) => snapshot(store, path, cancel),
    }
}

/// Lets go what is damaged, which is none where that cannot be told.
fn away(is_damaged: Option<bool>, remove: impl FnOnce() -> Result<()>) -> Result<Mended> {
    match is_damaged {
        None => return Ok(Mended::No),
        Some(true) => remove()?,
        Some(false) => {}
    }
    Ok(Mended::Yes)
}

/// Whether a file has other content than that; none where it cannot be read.
fn differs(path: &Path, digest: &Digest, cancel: &Cancel) -> Result<Option<bool>> {
    match blobs::hash(path, &|_| {}, cancel) {
        Ok(found) => Ok(Some(found.is_some_and(|found| found != *digest))),
        Err(error) if error.is_canceled() => Err(error),
        Err(_) => Ok(None),
    }
}

/// What is found now where that file is.
fn again(store: &Store, path: &Path) -> Result<Vec<Finding>> {
    let store = &store.onlooker();
    let within = |bucket| path.starts_with(store.dir(bucket));
    if within(Bucket::Encoded) {
        Ok(blobs::encoded(store)?.1)
    } else if within(Bucket::Index) {
        images::indexes(store, &mut Looked::default())
    } else if within(Bucket::Records) {
        state::records(store, &mut Looked::default())
    } else {
        state::failed(store)
    }
}

fn remove(path: &Path) -> Result<()> {
    if_there(fs::remove_file(path)).map_err(Error::io("remove", path.display()))?;
    Ok(())
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

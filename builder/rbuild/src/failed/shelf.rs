//! States of failed steps on the disk, each beside the logs of its build: kept, found, given up. Which stay how long is
//! the rule of the store's layout.

use super::{Failed, VERSION};
use crate::error::{Error, Result};
use rbuild_oci::Timestamp;
use rbuild_store::{Bucket, FAILED_AGE, FAILED_MOST, Store, if_there};
use std::fs;
use std::io;
use std::path::PathBuf;

/// A state and the build that it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The build's id.
    pub build: String,
    /// The state.
    pub failed: Failed,
}

const FILE: &str = "failed.json";

/// What means the youngest state.
const LATEST: &str = "latest";

/// Keeps the state of a step of that build.
pub fn keep(store: &Store, build: &str, failed: &Failed) -> Result<()> {
    let (dir, path) = (store.dir(Bucket::Builds).join(build), path(store, build));
    let new = dir.join(format!("{FILE}.new"));
    let text =
        serde_json::to_vec(failed).map_err(|error| Error::io("write", path.display())(io::Error::from(error)))?;
    let write = || -> io::Result<()> {
        fs::create_dir_all(&dir)?;
        fs::write(&new, text)?;
        fs::rename(&new, &path)
    };
    write().map_err(Error::io("write", path.display()))
}

/// All states that this program understands, youngest first.
pub fn all(store: &Store) -> Result<Vec<Kept>> {
    let bucket = store.dir(Bucket::Builds);
    let mut kept = Vec::new();
    for entry in fs::read_dir(&bucket).map_err(Error::io("list", bucket.display()))? {
        let name = entry.map_err(Error::io("list", bucket.display()))?.file_name();
        let Some(build) = name.to_str() else { continue };
        let read = fs::read(path(store, build)).ok();
        let failed = read.and_then(|bytes| serde_json::from_slice::<Failed>(&bytes).ok());
        kept.extend(
            failed.filter(|failed| failed.version == VERSION).map(|failed| Kept { build: build.to_owned(), failed }),
        );
    }
    kept.sort_by(|a, b| (b.failed.when, &b.build).cmp(&(a.failed.when, &a.build)));
    Ok(kept)
}

/// The youngest state.
pub fn latest(store: &Store) -> Result<Kept> {
    all(store)?.into_iter().next().ok_or_else(|| none(store))
}

/// The state that `text` means: `latest`, or the id of a build or its beginning. None where it means nothing and may be
/// something else.
pub fn find(store: &Store, text: &str) -> Result<Option<Kept>> {
    if text == LATEST {
        return latest(store).map(Some);
    }
    let is_id = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if !is_id || text.len() < SHORTEST {
        return Ok(None);
    }
    let mut kept = all(store)?;
    kept.retain(|kept| kept.build.starts_with(text));
    match kept.len() {
        0 => Err(Error::Usage(format!("no state of a failed step is kept of a build {text}: {KEEPING}"))),
        1 => Ok(kept.pop()),
        _ => Err(Error::Usage(format!("{text} is ambiguous: several builds begin so"))),
    }
}

/// Gives up the states that have been kept long enough at that time, and says which: what only they need may go.
pub fn give_up(store: &Store, now: Timestamp) -> Result<Vec<Kept>> {
    let kept = all(store)?.into_iter().enumerate();
    let over: Vec<Kept> = kept.filter(|(at, kept)| is_over(*at, kept, now)).map(|(_, kept)| kept).collect();
    over.iter().try_for_each(|kept| forget(store, &kept.build))?;
    Ok(over)
}

/// Whether a state has been kept long enough at that time; `at` others are younger.
pub fn is_over(at: usize, kept: &Kept, now: Timestamp) -> bool {
    at >= FAILED_MOST || now.seconds.saturating_sub(kept.failed.when.seconds) > FAILED_AGE
}

/// Gives up the state of a step of that build; fine if there is none.
pub fn forget(store: &Store, build: &str) -> Result<()> {
    let path = path(store, build);
    if_there(fs::remove_file(&path)).map_err(Error::io("remove", path.display())).map(drop)
}

/// As short as the beginning of an id may be.
const SHORTEST: usize = 8;

const KEEPING: &str = "`rbuild build --on-error=shell` keeps one where a RUN fails and there is no terminal";

fn none(store: &Store) -> Error {
    Error::Usage(format!("no state of a failed step is kept in {}: {KEEPING}", store.root().display()))
}

fn path(store: &Store, build: &str) -> PathBuf {
    store.dir(Bucket::Builds).join(build).join(FILE)
}

//! Keeps the build cache within a size: after a build, what was used longest ago goes, never what an image with a name, a
//! container or somebody at work needs. Cheap: how large the cache was is noted, and only where the disk or the blobs have
//! grown since then by what was left, or an hour later, is it measured again.

use super::act::follow;
use super::plan::plan;
use super::{Cache, Keep, Wish};
use crate::args::Limit;
use crate::error::{Error, Result};
use rbuild_oci::{Cancel, Timestamp};
use rbuild_store::{Bucket, Store, if_there, room};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// What was done to keep the build cache within its limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// The limit, in bytes.
    pub limit: u64,
    /// The bytes that came free.
    pub freed: u64,
}

/// A limit in bytes, for that store; none if there is none.
fn bytes(limit: Limit, store: &Store) -> Result<Option<u64>> {
    const LEAST: u64 = 2_000_000_000;
    const MOST: u64 = 20_000_000_000;
    Ok(match limit {
        Limit::Usual => Some((room(store.root())?.0 / 10).clamp(LEAST, MOST)),
        Limit::Bytes(bytes) => Some(bytes),
        Limit::None => None,
    })
}

/// What was found the last time.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Note {
    /// When, in seconds since 1970.
    when: i64,
    /// How large the build cache was, in bytes.
    cache: u64,
    /// How much of the disk was free, in bytes.
    free: u64,
    /// How much all blobs took, in bytes.
    blobs: u64,
}

impl Note {
    /// How large the build cache may be by now: by what the disk has filled, which others may have emptied meanwhile, and
    /// by the blobs that were added, as there is a snapshot to a layer.
    fn at_most(self, free: u64, blobs: u64) -> u64 {
        let grown = self.free.saturating_sub(free).max(blobs.saturating_sub(self.blobs).saturating_mul(2));
        self.cache.saturating_add(grown)
    }
}

/// For how long a note counts, in seconds.
const AN_HOUR: i64 = 3_600;

/// Trims the build cache where it is too large.
pub fn keep_within(store: &Store, limit: Limit, now: Timestamp, cancel: &Cancel) -> Result<Trimmed> {
    let Some(limit) = bytes(limit, store)? else { return Ok(Trimmed::default()) };
    let (free, blobs) = (room(store.root())?.1, of_blobs(store)?);
    let known = read(store).filter(|note| (0..AN_HOUR).contains(&(now.seconds - note.when)));
    if known.is_some_and(|note| note.at_most(free, blobs) <= limit) {
        return Ok(Trimmed { limit, freed: 0 });
    }
    let sweep = store.sweep(cancel)?;
    // Some room, so that not every build has to do this again.
    let keep = Some(Keep { limit, rest: limit / 10 * 9 });
    let wish = Wish {
        cache: Some(Cache { all: false, until: None, fits: &|_| true, keep, nameless: true }),
        ..Wish::default()
    };
    let plan = plan(store, &wish, Some(sweep.horizon()))?;
    let (kept, planned) = (plan.kept, plan.bytes());
    let freed = if plan.go.is_empty() { 0 } else { follow(store, plan, sweep, &store.volumes())?.bytes.values().sum() };
    let (free, blobs) = (room(store.root())?.1, of_blobs(store)?);
    write(store, Note { when: now.seconds, cache: kept.saturating_add(planned).saturating_sub(freed), free, blobs })?;
    Ok(Trimmed { limit, freed })
}

/// What all blobs take, in bytes.
fn of_blobs(store: &Store) -> Result<u64> {
    let place = store.blobs();
    let sum = || -> io::Result<u64> {
        let sizes =
            fs::read_dir(&place)?.map(|entry| Ok(if_there(entry?.metadata())?.map_or(0, |meta| meta.blocks() * 512)));
        sizes.sum()
    };
    sum().map_err(Error::io("list", place.display()))
}

/// What was noted, if it can be read.
fn read(store: &Store) -> Option<Note> {
    fs::read(place(store)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok())
}

fn write(store: &Store, note: Note) -> Result<()> {
    let place = place(store);
    let text = rbuild_oci::to_canonical_json(&note)?;
    let file = store.tmp_file()?;
    io::Write::write_all(&mut file.file(), &text).map_err(Error::io("write", place.display()))?;
    Ok(file.persist(&place)?)
}

/// Among what may be lost, though no gc takes it.
fn place(store: &Store) -> PathBuf {
    store.dir(Bucket::Files).join(".cache-size.json")
}

//! Keeps the build cache within a size: after a build, what was used longest ago goes, never what an image with a name, a
//! container or somebody at work needs. Cheap: how large the cache was is noted, and only where the disk or the blobs have
//! grown since then by what was left, or an hour later, is it measured again. That of a new store was empty.

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
use std::path::{Path, PathBuf};

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

/// What is known of a build cache before a build.
#[derive(Clone, Copy, Debug)]
pub struct Before(Option<Note>);

impl Before {
    /// Looks whether there is a build cache at all: one that begins with this build need not be measured after it.
    pub fn look(store: &Store, now: Timestamp) -> Self {
        let is_new = is_empty(&store.blobs()) && is_empty(&store.dir(Bucket::Snapshots)) && is_of_layers(store);
        if !is_new || read(store).is_some() {
            return Self(None);
        }
        let free = room(store.root()).ok().map(|(_, free)| free);
        Self(free.map(|free| Note { when: now.seconds, cache: 0, free, blobs: 0 }))
    }
}

/// Whether a build cache has nothing in it of which blobs tell nothing.
fn is_of_layers(store: &Store) -> bool {
    [Bucket::Mounts, Bucket::Git].iter().all(|bucket| is_empty(&store.dir(*bucket)))
}

/// Whether a directory is known to have nothing in it.
fn is_empty(place: &Path) -> bool {
    if_there(fs::read_dir(place)).is_ok_and(|entries| entries.is_none_or(|mut entries| entries.next().is_none()))
}

/// For how long a note counts, in seconds.
const AN_HOUR: i64 = 3_600;

/// Trims the build cache where it is too large.
pub fn keep_within(store: &Store, limit: Limit, now: Timestamp, before: Before, cancel: &Cancel) -> Result<Trimmed> {
    let Some(limit) = bytes(limit, store)? else { return Ok(Trimmed::default()) };
    let (free, blobs) = (room(store.root())?.1, of_blobs(store)?);
    let noted = read(store);
    let known = noted
        .or(before.0.filter(|_| is_of_layers(store)))
        .filter(|note| (0..AN_HOUR).contains(&(now.seconds - note.when)));
    if let Some(note) = known.filter(|note| note.at_most(free, blobs) <= limit) {
        if noted.is_none() {
            write(store, note)?;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(store: &Store, before: Before) -> Note {
        let trimmed = keep_within(store, Limit::Bytes(1 << 40), Timestamp::from_seconds(9), before, &Cancel::new());
        assert_eq!(trimmed.unwrap().freed, 0);
        read(store).unwrap()
    }

    #[test]
    fn a_build_cache_is_measured_after_its_first_build_only_where_it_was_there_before() {
        let (place, now) = (tempfile::tempdir().unwrap(), Timestamp::from_seconds(9));
        let [new, old] = ["new", "old"].map(|name| Store::open(&place.path().join(name)).unwrap());
        let before = Before::look(&new, now);
        for store in [&new, &old] {
            store.put_document(&vec![b'x'; 50_000]).unwrap();
        }
        assert_eq!(kept(&new, before).cache, 0);
        assert!(Before::look(&old, now).0.is_none() && kept(&old, Before::look(&old, now)).cache >= 50_000);
        // What is noted counts, whatever somebody takes away.
        fs::remove_dir_all(new.blobs()).unwrap();
        assert!(Before::look(&new, now).0.is_none());
    }
}

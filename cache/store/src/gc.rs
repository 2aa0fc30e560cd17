//! Removing content that nobody needs any more, in short steps while others are at work. Knows digests and which files
//! live for which; what is needed is the caller's to say.
//!
//! A digest goes, with all that lives for it, if none of it was made or stamped since the start of the oldest lease that
//! was live at any time since the sweep began, nor since the sweep began itself. So whoever came to rely on it while it was
//! decided what to remove has stamped it, or is still looking, holds the gate shared, and is waited for. A cache that
//! nobody gave up has to be 30 days older than that.

use crate::error::{Error, Result, if_there};
use crate::layout::{Bucket, Store};
use crate::lease;
use crate::lock::Lock;
use crate::root_dir::RootDir;
use crate::snapshot::sweep_datasets;
use crate::tmp::remove_tree;
use rbuild_oci::{Cancel, Digest, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    /// The digests of the blobs, sorted.
    pub blobs: Vec<Digest>,
    /// The bytes of all files that went, compressed forms and indexes included; snapshots are not counted.
    pub bytes: u64,
    /// Digests that stay because somebody at work may rely on them, sorted.
    pub kept: Vec<Digest>,
}

/// A removal that has begun; what is needed is to be looked for after that.
#[derive(Debug)]
pub struct Sweep {
    store: Store,
    gate: Lock,
    cancel: Cancel,
    horizon: Timestamp,
}

/// How many digests, each with the handful of files that live for it, go in one step.
const AT_ONCE: usize = 10;
/// For how long a cache is kept that nobody uses, in seconds.
const CACHE_AGE: i64 = 30 * 86_400;
/// How long is waited for those who look before they count as relying on everything.
const PATIENCE: Duration = Duration::from_secs(10);

impl Store {
    /// Begins a removal. The tags that are to go are gone by then.
    pub fn sweep(&self, cancel: &Cancel) -> Result<Sweep> {
        self.hold()?;
        let gate = Lock::open(&self.gate())?;
        let mut sweep = Sweep { store: self.clone(), gate, cancel: cancel.clone(), horizon: lease::later(self)? };
        sweep.lower()?;
        Ok(sweep)
    }
}

/// Things that go together.
struct Group {
    /// What they live for; none of caches that are found by other names.
    digest: Option<Digest>,
    paths: Vec<PathBuf>,
    /// For how many seconds nobody may have used them.
    age: i64,
}

impl Group {
    /// Its digest, if it is not just a cache.
    fn given_up(&self) -> Option<Digest> {
        self.digest.filter(|_| self.age == 0)
    }
}

impl Sweep {
    /// Removes those of the digests of `gone` that are not in `needed`, and everything that lives for them: blobs,
    /// indexes, compressed forms, snapshots of stacks that are called like one of them. Then whatever else is not needed
    /// and was not used for 30 days: what images without a name and builds left, downloads, checkouts, stat caches, logs.
    pub fn remove(&mut self, gone: &BTreeSet<Digest>, needed: &BTreeSet<Digest>) -> Result<Freed> {
        let mut freed = Freed::default();
        let mut groups = self.candidates(gone, needed, &mut freed)?;
        while !groups.is_empty() && self.take()? {
            let rest = groups.split_off(groups.len().min(AT_ONCE));
            let trash = self.discard(&groups, &mut freed);
            self.gate.release()?;
            trash?.iter().try_for_each(|path| remove_tree(path))?;
            groups = rest;
        }
        sweep_datasets(&self.store.dir(Bucket::Snapshots))?;
        freed.kept.extend(groups.iter().filter_map(Group::given_up));
        freed.kept.sort();
        Ok(freed)
    }

    /// What may go by what can be said without the lock: times only become later.
    fn candidates(&self, gone: &BTreeSet<Digest>, needed: &BTreeSet<Digest>, freed: &mut Freed) -> Result<Vec<Group>> {
        let mut candidates = Vec::new();
        for mut group in groups(&self.store)? {
            if group.digest.is_some_and(|digest| needed.contains(&digest)) {
                continue;
            }
            group.age = if group.digest.is_some_and(|digest| gone.contains(&digest)) { 0 } else { CACHE_AGE };
            if self.is_old(&group)? {
                candidates.push(group);
            } else {
                freed.kept.extend(group.given_up());
            }
        }
        Ok(candidates)
    }

    /// Waits for those who look; false if that takes too long.
    fn take(&self) -> Result<bool> {
        let began = Instant::now();
        while !self.gate.try_take()? {
            self.cancel.check()?;
            if began.elapsed() > PATIENCE {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(true)
    }

    fn lower(&mut self) -> Result<()> {
        self.horizon = lease::oldest(&self.store)?.map_or(self.horizon, |start| start.min(self.horizon));
        Ok(())
    }

    /// Renames what is old enough to names in tmp that nobody looks for, and gives these.
    fn discard(&mut self, step: &[Group], freed: &mut Freed) -> Result<Vec<PathBuf>> {
        self.lower()?;
        let mut trash = Vec::new();
        for group in step {
            let homes = group.paths.iter().filter(|path| path.starts_with(self.store.dir(Bucket::Snapshots)));
            let homes: BTreeSet<&Path> = homes.filter_map(|path| path.parent()).collect();
            let _homes = homes.into_iter().map(alone).collect::<Result<Vec<_>>>()?;
            if !self.is_old(group)? {
                freed.kept.extend(group.given_up());
                continue;
            }
            for path in &group.paths {
                self.rename(path, &mut trash, freed)?;
            }
            freed.blobs.extend(group.digest.filter(|digest| group.paths.contains(&self.store.blob_path(digest))));
        }
        Ok(trash)
    }

    fn is_old(&self, group: &Group) -> Result<bool> {
        let horizon = Timestamp { seconds: self.horizon.seconds.saturating_sub(group.age), ..self.horizon };
        group
            .paths
            .iter()
            .try_fold(true, |all, path| Ok(all && lease::modified(path)?.is_none_or(|modified| modified < horizon)))
    }

    fn rename(&self, path: &Path, trash: &mut Vec<PathBuf>, freed: &mut Freed) -> Result<()> {
        let mut moved = || -> io::Result<()> {
            let meta = fs::symlink_metadata(path)?;
            let name = format!("trash-{}-{}", std::process::id(), meta.ino());
            let place = self.store.dir(Bucket::Tmp).join(name);
            fs::rename(path, &place)?;
            freed.bytes += if meta.is_dir() { 0 } else { meta.len() };
            trash.push(place);
            Ok(())
        };
        if_there(moved()).map_err(Error::io("rename", path.display())).map(drop)
    }
}

/// The directory of a driver's snapshots, held against those who come to use one.
fn alone(home: &Path) -> Result<Lock> {
    let lock = Lock::open_existing(home)?;
    lock.take()?;
    Ok(lock)
}

/// All that may go: what lives for a digest, the blob first; then the caches of other names.
fn groups(store: &Store) -> Result<Vec<Group>> {
    let mut found: BTreeMap<Digest, Vec<PathBuf>> = BTreeMap::new();
    let mut directories = vec![store.blobs(), store.dir(Bucket::Index), store.dir(Bucket::Encoded)];
    let snapshots = RootDir::open(&store.dir(Bucket::Snapshots))?;
    for driver in snapshots.list(b"")? {
        for id_map in snapshots.list(&driver.name)? {
            let names = [&driver.name, &id_map.name].map(|name| String::from_utf8_lossy(name).into_owned());
            directories.push(store.snapshots(&names[0], &names[1]));
        }
    }
    for directory in directories {
        for name in names(&directory)? {
            let digest = name.get(..64).and_then(|hex| Digest::from_hex(hex).ok());
            if let Some(digest) = digest {
                found.entry(digest).or_default().push(directory.join(name));
            }
        }
    }
    let mut groups: Vec<Group> =
        found.into_iter().map(|(digest, paths)| Group { digest: Some(digest), paths, age: 0 }).collect();
    let git = store.dir(Bucket::Git);
    for directory in
        [store.dir(Bucket::Files), store.dir(Bucket::Builds), git.join("checkouts"), git.join("repositories")]
    {
        let paths = names(&directory)?.into_iter().map(|name| directory.join(name));
        groups.extend(paths.map(|path| Group { digest: None, paths: vec![path], age: CACHE_AGE }));
    }
    Ok(groups)
}

fn names(directory: &Path) -> Result<Vec<String>> {
    let list = || -> io::Result<Vec<String>> {
        fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    };
    Ok(if_there(list()).map_err(Error::io("list", directory.display()))?.unwrap_or_default())
}

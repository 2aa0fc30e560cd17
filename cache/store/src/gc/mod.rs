//! Removing content that nobody needs any more, in short steps while others are at work. Knows digests and which files
//! live for which; what is needed is the caller's to say.
//!
//! A group of files goes if none of it was made or stamped since the start of the oldest lease that was live at any time
//! since the sweep began, nor since the sweep began itself. So whoever came to rely on it while it was decided what to
//! remove has stamped it, or is still looking, holds the gate shared, and is waited for.
//!
//! No step needs room on the disk: what goes is renamed first, so that nobody sees a half of it, and a killed sweep
//! leaves it in tmp, from where the next one takes it.

mod group;

pub use group::{Group, GroupKind, lock_of, note_of};

use crate::error::{Error, Result, if_there};
use crate::layout::{Bucket, Store};
use crate::lease;
use crate::lock::Lock;
use crate::snapshot::{Home, sweep_datasets};
use crate::tmp::{self, remove_tree};
use rbuild_oci::{Cancel, Digest, Timestamp};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What was removed for the sake of digests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    /// The digests of the blobs, sorted.
    pub blobs: Vec<Digest>,
    /// Digests that stay because somebody at work may rely on them, sorted.
    pub kept: Vec<Digest>,
}

/// What became of groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Those that are gone.
    pub gone: Vec<Group>,
    /// Those that stay because somebody at work may rely on them.
    pub kept: Vec<Group>,
}

/// A removal that has begun; what is needed is to be looked for after that.
#[derive(Debug)]
pub struct Sweep {
    store: Store,
    gate: Lock,
    cancel: Cancel,
    horizon: Timestamp,
    /// For how long is waited for those who look; no more once that was too long.
    patience: Duration,
}

/// How many groups go in one step.
const AT_ONCE: usize = 10;
/// For how long a cache is kept that nobody uses, in seconds.
const CACHE_AGE: i64 = 30 * 86_400;
/// How long is waited for those who look before they count as relying on everything.
const PATIENCE: Duration = Duration::from_secs(10);

impl Store {
    /// Begins a removal. The tags that are to go are gone by then. What killed processes left unfinished goes at once.
    pub fn sweep(&self, cancel: &Cancel) -> Result<Sweep> {
        self.hold()?;
        let gate = Lock::open(&self.gate())?;
        let mut sweep = Sweep {
            store: self.clone(),
            gate,
            cancel: cancel.clone(),
            horizon: lease::later(self)?,
            patience: PATIENCE,
        };
        sweep.lower()?;
        sweep.take_trash()?;
        tmp::sweep(&self.dir(Bucket::Tmp), || Ok(sweep.horizon))?;
        for [driver, id_map] in group::homes(self)? {
            Home::open(&self.dir(Bucket::Snapshots), &driver, &id_map)?.sweep()?;
        }
        Ok(sweep)
    }

    /// Since when processes at work may rely on what they made or used; none where nobody is at work.
    pub fn leased_since(&self) -> Result<Option<Timestamp>> {
        lease::oldest(self)
    }
}

impl Sweep {
    /// What was made or used since then stays, as far as is known by now.
    pub const fn horizon(&self) -> Timestamp {
        self.horizon
    }

    /// Removes those of the digests of `gone` that are not in `needed`, and everything that lives for them: blobs,
    /// indexes, compressed forms, snapshots of stacks that are called like one of them. Then whatever else is not needed
    /// and was not used for 30 days: what images without a name and builds left, downloads, checkouts, stat caches, logs.
    pub fn remove(&mut self, gone: &BTreeSet<Digest>, needed: &BTreeSet<Digest>) -> Result<Freed> {
        let unused = self.horizon.seconds.saturating_sub(CACHE_AGE);
        let given_up = |group: &Group| group.digest().is_some_and(|digest| gone.contains(&digest));
        let mut groups = group::contents(&self.store)?;
        groups.extend(group::caches(&self.store)?);
        groups.retain(|group| {
            group.digest().is_none_or(|digest| !needed.contains(&digest))
                && (given_up(group) || group.used.seconds < unused)
        });
        let swept = self.discard(groups)?;
        let is_blob = |group: &Group, digest: &Digest| group.paths.contains(&self.store.blob_path(digest));
        let blobs = swept.gone.iter().filter_map(|group| group.digest().filter(|digest| is_blob(group, digest)));
        let kept = swept.kept.iter().filter(|group| given_up(group)).filter_map(Group::digest);
        Ok(Freed { blobs: sorted(blobs), kept: sorted(kept) })
    }

    /// Removes the groups, but for those that somebody at work may rely on.
    pub fn discard(&mut self, mut groups: Vec<Group>) -> Result<Swept> {
        let mut swept = Swept::default();
        // By what can be said without the lock: times only become later.
        let (old, recent) = groups.drain(..).partition(|group| group.used < self.horizon);
        (groups, swept.kept) = (old, recent);
        let (mut stuck, mut progress) = (Vec::new(), false);
        while !groups.is_empty() && self.take()? {
            let rest = groups.split_off(groups.len().min(AT_ONCE));
            let (mut trash, before) = (Vec::new(), swept.gone.len());
            let done = self.step(groups, &mut swept, &mut trash, &mut stuck);
            self.gate.release()?;
            progress |= !trash.is_empty() || swept.gone.len() > before;
            trash.iter().try_for_each(|path| remove_trash(path))?;
            done?;
            groups = rest;
            if groups.is_empty() && std::mem::take(&mut progress) {
                groups = std::mem::take(&mut stuck);
            }
        }
        if let Some(path) = stuck.first().and_then(|group| group.paths.last()) {
            return Err(Error::io("rename", path.display())(Errno::NOSPC));
        }
        sweep_datasets(&self.store.dir(Bucket::Snapshots))?;
        swept.kept.extend(groups);
        Ok(swept)
    }

    /// Waits for those who look; false if that takes too long.
    fn take(&mut self) -> Result<bool> {
        let began = Instant::now();
        loop {
            self.cancel.check()?;
            if self.gate.try_take()? {
                return Ok(true);
            }
            if began.elapsed() >= self.patience {
                self.patience = Duration::ZERO;
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn lower(&mut self) -> Result<()> {
        self.horizon = lease::oldest(&self.store)?.map_or(self.horizon, |start| start.min(self.horizon));
        Ok(())
    }

    /// Renames what is old enough to names in tmp that nobody looks for, and adds these to the trash. Groups with a
    /// directory that the disk is too full to rename are stuck: what goes otherwise may give it room.
    fn step(
        &mut self,
        groups: Vec<Group>,
        swept: &mut Swept,
        trash: &mut Vec<PathBuf>,
        stuck: &mut Vec<Group>,
    ) -> Result<()> {
        self.lower()?;
        for group in groups {
            let homes = group.paths.iter().filter(|path| path.starts_with(self.store.dir(Bucket::Snapshots)));
            let homes: BTreeSet<&Path> = homes.filter_map(|path| path.parent()).collect();
            let _homes = homes.into_iter().map(alone).collect::<Result<Vec<_>>>()?;
            let free = (group.kind == GroupKind::Mount).then(|| unused(&group)).transpose()?;
            let in_use = free.as_ref().is_some_and(Option::is_none);
            if in_use || group.used_now()?.is_some_and(|used| used >= self.horizon) {
                swept.kept.push(group);
                continue;
            }
            let gone =
                group.paths.iter().try_fold(true, |all, path| Ok::<_, Error>(self.rename(path, trash)? && all))?;
            if gone { swept.gone.push(group) } else { stuck.push(group) }
        }
        Ok(())
    }

    /// False where the disk is too full for it.
    fn rename(&self, path: &Path, trash: &mut Vec<PathBuf>) -> Result<bool> {
        let mut moved = || -> io::Result<bool> {
            let meta = fs::symlink_metadata(path)?;
            let name = format!("{TRASH}{}-{}", std::process::id(), meta.ino());
            let place = self.store.dir(Bucket::Tmp).join(name);
            match fs::rename(path, &place) {
                Err(error) if Error::is_full(&error) && meta.is_dir() => return Ok(false),
                // A file goes in one step all the same.
                Err(error) if Error::is_full(&error) => return fs::remove_file(path).map(|()| true),
                other => other?,
            }
            trash.push(place);
            Ok(true)
        };
        Ok(if_there(moved()).map_err(Error::io("rename", path.display()))?.unwrap_or(true))
    }

    /// Removes what killed sweeps left. What another one is about to remove is no loss.
    fn take_trash(&self) -> Result<()> {
        let tmp = self.store.dir(Bucket::Tmp);
        let left = group::entries(&tmp)?.into_iter();
        let is_trash =
            |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(TRASH.as_bytes()));
        left.filter(is_trash).try_for_each(|path| remove_trash(&path))
    }
}

/// How the names of what was given up begin.
const TRASH: &str = "trash-";

/// The directory of a driver's snapshots, held against those who come to use one.
fn alone(home: &Path) -> Result<Lock> {
    let lock = Lock::open_existing(home)?;
    lock.take()?;
    Ok(lock)
}

/// The lock of a cache mount, held against steps that come to use it; none while one does.
fn unused(group: &Group) -> Result<Option<Lock>> {
    let Some(path) = group.paths.first() else { return Ok(None) };
    let lock = Lock::open(&group::lock_of(path))?;
    Ok(lock.try_take()?.then_some(lock))
}

/// What another sweep took from tmp meanwhile is gone, too.
fn remove_trash(path: &Path) -> Result<()> {
    match remove_tree(path) {
        Err(error) if error.is_not_found() => Ok(()),
        other => other,
    }
}

fn sorted(digests: impl Iterator<Item = Digest>) -> Vec<Digest> {
    let mut digests: Vec<Digest> = digests.collect();
    digests.sort();
    digests
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::put;

    #[test]
    fn those_who_look_are_waited_for_once() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("store")).unwrap();
        let digest = put(&store.content(), b"x").unwrap();
        let minute_ago = std::time::SystemTime::now() - Duration::from_mins(1);
        fs::File::open(store.blob_path(&digest)).unwrap().set_modified(minute_ago).unwrap();
        let looker = Store::open(store.root()).unwrap();
        looker.lease().unwrap();
        let mut sweep = store.sweep(&Cancel::new()).unwrap();
        sweep.patience = Duration::from_millis(300);
        let group = store.groups().unwrap();
        assert_eq!(sweep.discard(group.clone()).unwrap().kept, group);
        let began = Instant::now();
        assert_eq!(sweep.discard(group.clone()).unwrap().kept, group);
        assert!(began.elapsed() < Duration::from_millis(300), "{:?}", began.elapsed());
        drop(looker);
        assert_eq!(sweep.discard(group.clone()).unwrap().gone, group);
    }
}

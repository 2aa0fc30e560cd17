//! What may go at all: the files of the store, gathered in groups that go together. Knows where things lie and when they
//! were used, not what they are worth.

use crate::error::{Error, Result, if_there};
use crate::layout::{Bucket, Store};
use crate::lease;
use crate::root_dir::RootDir;
use crate::snapshot::{Home, Stored};
use rbuild_oci::{Digest, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Files that go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What they are.
    pub kind: GroupKind,
    /// Files and directories; of a digest its blob first, where that is here.
    pub paths: Vec<PathBuf>,
    /// When the last of them was made or used.
    pub used: Timestamp,
}

/// What files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupKind {
    /// What lives for a digest: a blob, the index of a layer, its compressed forms, the snapshot of a stack.
    Content(Digest),
    /// A record of the build cache.
    Record,
    /// The latest results of a step.
    Step,
    /// The digests of the files of a context.
    Files,
    /// The log and the state of a build.
    Build,
    /// A git repository, or files that were checked out of one.
    Git,
    /// A cache mount.
    Mount,
}

impl Group {
    /// The digest that it lives for.
    pub const fn digest(&self) -> Option<Digest> {
        match self.kind {
            GroupKind::Content(digest) => Some(digest),
            _ => None,
        }
    }

    /// The name of its first file.
    pub fn name(&self) -> String {
        let name = self.paths.first().and_then(|path| path.file_name());
        name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// When it was last made or used by now; none if nothing of it is there. What steps write into a cache mount is none
    /// of its uses: those are told by its lock.
    pub(super) fn used_now(&self) -> Result<Option<Timestamp>> {
        match (self.kind, self.paths.first()) {
            (GroupKind::Mount, Some(path)) => {
                let locked = Self::last_used(&[lock_of(path)])?;
                Ok(Self::last_used(&self.paths)?.map(|made| locked.unwrap_or(made)))
            }
            _ => Self::last_used(&self.paths),
        }
    }

    /// When the last of these was made or used; none if none of them is there.
    pub(super) fn last_used(paths: &[PathBuf]) -> Result<Option<Timestamp>> {
        paths.iter().try_fold(None, |latest: Option<Timestamp>, path| Ok(latest.max(lease::modified(path)?)))
    }

    fn find(kind: GroupKind, paths: Vec<PathBuf>) -> Result<Option<Self>> {
        let group = Self { kind, paths, used: Timestamp::default() };
        Ok(group.used_now()?.map(|used| Self { used, ..group }))
    }
}

impl Store {
    /// All that may go where nobody needs it. Writes nothing.
    pub fn groups(&self) -> Result<Vec<Group>> {
        let mut found = contents(self)?;
        found.extend(caches(self)?);
        for shelf in entries(&self.dir(Bucket::Records))? {
            found.extend(each(GroupKind::Record, &shelf)?);
        }
        for path in entries(&self.dir(Bucket::Mounts))?.into_iter().filter(|path| path.is_dir()) {
            let note = note_of(&path);
            let paths = if note.exists() { vec![path, note] } else { vec![path] };
            found.extend(Group::find(GroupKind::Mount, paths)?);
        }
        Ok(found)
    }

    /// What snapshots that are of no use without another one lie over, by their names. Of those that another user keeps to
    /// himself nothing is said. Writes nothing.
    pub fn leaning_snapshots(&self) -> Result<BTreeMap<Digest, BTreeSet<Digest>>> {
        let mut found: BTreeMap<Digest, BTreeSet<Digest>> = BTreeMap::new();
        for [driver, id_map] in homes(self)? {
            let home = Home::open(&self.dir(Bucket::Snapshots), &driver, &id_map)?;
            for Stored { chain, .. } in home.list()? {
                let under = match home.under(&chain) {
                    Err(error) if error.is_denied() => None,
                    under => under?,
                };
                if let Some(under) = under.filter(|_| home.is_sound(&chain).unwrap_or(true)) {
                    found.entry(chain.0).or_default().insert(under.0);
                }
            }
        }
        Ok(found)
    }
}

/// The lock of a cache mount, which is stamped when the mount is used.
pub fn lock_of(mount: &Path) -> PathBuf {
    beside(mount, ".lock")
}

/// Where it is noted what a cache mount was when it last travelled; it goes with the mount.
pub fn note_of(mount: &Path) -> PathBuf {
    beside(mount, ".note")
}

fn beside(mount: &Path, ending: &str) -> PathBuf {
    let mut name = mount.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    mount.with_file_name(name)
}

/// What lives for digests, by digest.
pub(super) fn contents(store: &Store) -> Result<Vec<Group>> {
    let mut found: BTreeMap<Digest, Vec<PathBuf>> = BTreeMap::new();
    let mut directories = vec![store.blobs(), store.dir(Bucket::Index), store.dir(Bucket::Encoded)];
    directories.extend(homes(store)?.iter().map(|[driver, id_map]| store.snapshots(driver, id_map)));
    for path in directories.iter().map(|directory| entries(directory)).collect::<Result<Vec<_>>>()?.concat() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(digest) = name.get(..64).and_then(|hex| Digest::from_hex(hex).ok()) {
            found.entry(digest).or_default().push(path);
        }
    }
    let groups = found.into_iter().map(|(digest, paths)| Group::find(GroupKind::Content(digest), paths));
    Ok(groups.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// The storage drivers that have snapshots here, each with an id map that they are for.
pub(super) fn homes(store: &Store) -> Result<Vec<[String; 2]>> {
    let (mut found, snapshots) = (Vec::new(), RootDir::open(&store.dir(Bucket::Snapshots))?);
    for driver in snapshots.list(b"")? {
        for id_map in snapshots.list(&driver.name)? {
            found.push([&driver.name, &id_map.name].map(|name| String::from_utf8_lossy(name).into_owned()));
        }
    }
    Ok(found)
}

/// Caches that are found by other names.
pub(super) fn caches(store: &Store) -> Result<Vec<Group>> {
    let git = store.dir(Bucket::Git);
    let places = [
        (GroupKind::Step, store.dir(Bucket::Steps)),
        (GroupKind::Files, store.dir(Bucket::Files)),
        (GroupKind::Build, store.dir(Bucket::Builds)),
        (GroupKind::Git, git.join("checkouts")),
        (GroupKind::Git, git.join("repositories")),
    ];
    Ok(places.iter().map(|(kind, place)| each(*kind, place)).collect::<Result<Vec<_>>>()?.concat())
}

/// Each entry of a directory as a group of its own, but for those whose names begin with a dot.
fn each(kind: GroupKind, directory: &Path) -> Result<Vec<Group>> {
    let is_hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let shown = entries(directory)?.into_iter().filter(|path| !is_hidden(path));
    let groups = shown.map(|path| Group::find(kind, vec![path]));
    Ok(groups.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// What is in a directory; nothing if there is none.
pub(super) fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let list = || -> io::Result<Vec<PathBuf>> { fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect() };
    Ok(if_there(list()).map_err(Error::io("list", directory.display()))?.unwrap_or_default())
}

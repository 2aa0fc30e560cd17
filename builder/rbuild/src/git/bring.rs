//! The files of a commit, from the store or brought there. Knows no tree and no step.

use super::access::Access;
use super::checkout::{Wanted, checkout};
use super::command::Git;
use super::find::{Found, ask, pinned};
use super::mirror::Mirror;
use crate::error::{Error, Result};
use crate::reach::Reach;
use rbuild_graph::GitOp;
use rbuild_oci::Digest;
use rbuild_store::{Bucket, RootDir};
use std::path::{Path, PathBuf};

/// Files of a commit in the store, which nobody changes.
#[derive(Debug)]
pub struct Checkout {
    /// Where they are.
    pub place: PathBuf,
    /// How they came there.
    pub arrival: Arrival,
}

/// How files came to be in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// They were there, and nobody had to be asked which they are.
    Known,
    /// They were there; the remote said that they are still the ones.
    Confirmed,
    /// They were brought now.
    Fresh,
}

impl Checkout {
    /// When the commit was made, in seconds since 1970: so are all its files dated. None where it has no files.
    pub fn time(&self) -> Result<Option<i64>> {
        let first = RootDir::open(&self.place)?.walk(b"")?.next();
        Ok(first.transpose()?.map(|entry| entry.meta.mtime.seconds))
    }
}

/// Brings what `op` names. The remote is asked what a branch or tag points at, every time; a commit named by its id is not
/// looked for again once it is here.
pub fn bring(reach: &Reach<'_>, op: &GitOp) -> Result<Checkout> {
    let bucket = reach.store.dir(Bucket::Git);
    let access = Access::new(&op.remote, reach.secret, (reach.agent)("default"), bucket.join("known_hosts"))?;
    let place = |found: &Found| bucket.join("checkouts").join(name(access.remote(), op, found)).join("files");
    let pinned = pinned(op)?;
    if let Some(place) = pinned.as_ref().map(place)
        && is_here(reach, &place)?
    {
        return Ok(Checkout { place, arrival: Arrival::Known });
    }
    if reach.network.offline {
        return Err(offline(reach, access.remote(), op, pinned.as_ref()));
    }
    reach.begin();
    let (events, step) = (reach.events, reach.step);
    let log = |line: &[u8]| crate::reach::complain(events, step, line);
    let git = Git::new(&access, reach.cancel, &log);
    let found = pinned.map_or_else(|| ask(&git, op, &bucket), Ok)?;
    let place = place(&found);
    if is_here(reach, &place)? {
        return Ok(Checkout { place, arrival: Arrival::Confirmed });
    }
    (reach.ready)()?;
    reach.keeps();
    reach.store.hold()?;
    let mirror = Mirror::open(&git, reach.store, &bucket, &found)?;
    if !is_here(reach, &place)? {
        mirror.bring(&found.object)?;
        let git_dir = keeps_git_dir(op);
        let wanted = Wanted { found: &found, subdir: &op.subdir, git_dir, submodules: op.submodules };
        checkout(&git, &mirror, reach.store, wanted, &place)?;
    }
    Ok(Checkout { place, arrival: Arrival::Fresh })
}

/// The id of the commit that `op` names now; the remote is asked.
pub fn commit(reach: &Reach<'_>, op: &GitOp) -> Result<String> {
    let bucket = reach.store.dir(Bucket::Git);
    let access = Access::new(&op.remote, reach.secret, (reach.agent)("default"), bucket.join("known_hosts"))?;
    if reach.network.offline {
        return Err(offline(reach, access.remote(), op, None));
    }
    let (events, step) = (reach.events, reach.step);
    let log = |line: &[u8]| crate::reach::complain(events, step, line);
    ask(&Git::new(&access, reach.cancel, &log), op, &bucket).map(|found| found.commit)
}

/// The failure where the remote may not be asked.
fn offline(reach: &Reach<'_>, remote: &str, op: &GitOp, pinned: Option<&Found>) -> Error {
    if let Some(found) = pinned {
        return reach.offline(&format!("the commit {} of {remote}", found.commit));
    }
    let reference = if op.reference.is_empty() { "HEAD" } else { &op.reference };
    let way = "name a commit by its whole id, as in #ID, and it is asked for only once";
    Error::Step(format!("offline: {remote} is not asked what {reference} points at; {way}"))
}

/// Whether a checkout is here, which then stays: when it was used is the time of the directory around it.
fn is_here(reach: &Reach<'_>, place: &Path) -> Result<bool> {
    match place.parent() {
        Some(around) if place.exists() => Ok(reach.store.rely(around)?),
        _ => Ok(false),
    }
}

/// A directory inside a repository is none: `.git` stays with the whole.
const fn keeps_git_dir(op: &GitOp) -> bool {
    op.keep_git_dir && op.subdir.is_empty()
}

/// The name of a checkout: its commit, and a digest of all that its files depend on.
fn name(remote: &str, op: &GitOp, found: &Found) -> String {
    let own = if keeps_git_dir(op) { format!("{:?} {}", found.name, found.object) } else { String::new() };
    let all = format!("{:?}", ("files", remote, &found.commit, &op.subdir, op.submodules, own));
    format!("{}-{}", found.commit, Digest::of(all.as_bytes()).short())
}

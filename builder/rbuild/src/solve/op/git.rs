//! ADD of a git repository: the files of a commit, laid out once and kept. Knows no destination.

use crate::error::Result;
use crate::events::{Event, Stream};
use crate::git::{self, Access, Found, Git, Mirror, Wanted, checkout};
use crate::solve::{Shown, Value, Work};
use crate::tree::{ContextTree, Tree};
use dockerfile_parser::ignore::Matcher;
use rbuild_graph::GitOp;
use rbuild_oci::Digest;
use rbuild_store::{Bucket, FileCache, RootDir};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The commit's files. The remote is asked what a branch or tag points at, by every build; a commit named by its id is
/// not looked for again once it is here.
pub fn solve(work: &Work<'_>, op: &GitOp) -> Result<(Value, Shown)> {
    let bucket = work.ctx.store.dir(Bucket::Git);
    let agent = (work.inputs.ssh)("default");
    let access = Access::new(&op.remote, work.inputs.secret, agent, bucket.join("known_hosts"))?;
    let place = |found: &Found| bucket.join("checkouts").join(name(access.remote(), op, found));
    let pinned = git::pinned(op)?;
    if let Some(at) = pinned.as_ref().map(place).filter(|place| place.exists()) {
        return Ok((Value::Tree(Arc::new(tree(work, &at)?)), Shown::Cached));
    }
    work.ctx.events.send(&Event::Started { step: work.step, name: &work.vertex.place.to_string() });
    let log = |line: &[u8]| {
        let bytes = [line, b"\n"].concat();
        work.ctx.events.send(&Event::Output { step: work.step, stream: Stream::Stderr, bytes: &bytes });
    };
    let git = Git::new(&access, work.ctx.cancel, &log);
    let found = pinned.map_or_else(|| git::ask(&git, op, &bucket), Ok)?;
    let at = place(&found);
    let tree = if at.exists() { tree(work, &at)? } else { bring(work, &git, op, &found, &at)? };
    Ok((Value::Tree(Arc::new(tree)), Shown::Done))
}

/// Fetches and lays out what is not here yet, and reads it once so that its digests are known from now on.
fn bring(work: &Work<'_>, git: &Git<'_>, op: &GitOp, found: &Found, place: &Path) -> Result<ContextTree> {
    (work.inputs.begin)()?;
    work.ctx.wrote.store(true, Ordering::Relaxed);
    let mirror = Mirror::open(git, work.ctx.store, &work.ctx.store.dir(Bucket::Git), found)?;
    if !place.exists() {
        mirror.bring(&found.object)?;
        let git_dir = keeps_git_dir(op);
        let wanted = Wanted { found, subdir: &op.subdir, git_dir, submodules: op.submodules };
        checkout(git, &mirror, work.ctx.store, wanted, place)?;
    }
    let tree = tree(work, place)?;
    tree.digest_all(&mut tree.walk(b"")?)?;
    tree.remember()?;
    Ok(tree)
}

/// A directory inside a repository is none: `.git` stays with the whole.
const fn keeps_git_dir(op: &GitOp) -> bool {
    op.keep_git_dir && op.subdir.is_empty()
}

/// The name of a checkout: its commit, and a digest of all that its files depend on.
fn name(remote: &str, op: &GitOp, found: &Found) -> String {
    let own = if keeps_git_dir(op) { format!("{:?} {}", found.name, found.object) } else { String::new() };
    let all = format!("{:?}", (remote, &found.commit, &op.subdir, op.submodules, own));
    format!("{}-{}", found.commit, Digest::of(all.as_bytes()).short())
}

fn tree(work: &Work<'_>, place: &Path) -> Result<ContextTree> {
    let nothing = (String::new(), Matcher::default());
    let remembered = FileCache::open(work.ctx.store, place)?;
    Ok(ContextTree::new("the repository", RootDir::open(place)?, nothing, remembered, work.ctx.cancel.clone()))
}

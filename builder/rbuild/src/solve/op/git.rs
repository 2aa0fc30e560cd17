//! ADD of a git repository: the files of a commit, laid out once and kept. Knows no destination.

use crate::error::Result;
use crate::git::{Arrival, bring};
use crate::solve::{Shown, Value, Work};
use crate::tree::{ContextTree, Tree};
use dockerfile_parser::ignore::Matcher;
use rbuild_graph::GitOp;
use rbuild_store::{FileCache, RootDir};
use std::sync::Arc;

/// The commit's files; fresh ones are read once, so that their digests are known from now on.
pub fn solve(work: &Work<'_>, op: &GitOp) -> Result<(Value, Shown)> {
    let name = work.vertex.place.to_string();
    let checkout = bring(&work.reach(&name), op)?;
    let (store, place) = (work.ctx.store, &checkout.place);
    let nothing = (String::new(), Matcher::default());
    let remembered = FileCache::open(store, place)?;
    let cancel = work.ctx.cancel.clone();
    let tree = ContextTree::new("the repository", RootDir::open(place)?, nothing, remembered, cancel);
    if checkout.arrival == Arrival::Fresh {
        tree.digest_all(&mut tree.walk(b"")?)?;
        tree.remember()?;
    }
    let shown = if checkout.arrival == Arrival::Known { Shown::Cached } else { Shown::Done };
    Ok((Value::Tree(Arc::new(tree)), shown))
}

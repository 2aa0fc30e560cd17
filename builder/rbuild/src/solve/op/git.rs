//! ADD of a git repository: the files of a commit, laid out once and kept. Knows no destination.

use crate::error::Result;
use crate::git::{Arrival, bring};
use crate::solve::{Shown, Value, Work};
use crate::tree::{ContextTree, Ignored, Tree};
use rbuild_graph::GitOp;
use std::sync::Arc;

/// The commit's files; fresh ones are read once, so that their digests are known from now on.
pub fn solve(work: &Work<'_>, op: &GitOp) -> Result<(Value, Shown)> {
    let name = work.vertex.place.to_string();
    let checkout = bring(&work.reach(&name), op)?;
    let (store, cancel) = (work.ctx.store, work.ctx.cancel);
    let tree = ContextTree::open("the repository", &checkout.place, Ignored::default(), store, cancel)?;
    if checkout.arrival == Arrival::Fresh {
        tree.digest_all(&mut tree.walk(b"")?)?;
        tree.remember()?;
    }
    let shown = if checkout.arrival == Arrival::Known { Shown::Cached } else { Shown::Done };
    Ok((Value::Tree(Arc::new(tree)), shown))
}

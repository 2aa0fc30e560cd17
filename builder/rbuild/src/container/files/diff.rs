//! What a container changed, path by path: docker's `diff`.

use super::layer::Layer;
use crate::container::model::Config;
use crate::ctx::Ctx;
use crate::error::Result;
use rbuild_store::layer::{Entry, Node, View};

/// What became of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added,
    /// It was there and is different, or holds something that is.
    Changed,
    /// It is gone.
    Deleted,
}

impl Change {
    /// Docker's letter.
    pub const fn letter(self) -> char {
        match self {
            Self::Added => 'A',
            Self::Changed => 'C',
            Self::Deleted => 'D',
        }
    }
}

/// All changes of a container against its image, in the order of their paths' bytes.
pub fn diff(ctx: Ctx<'_>, config: &Config) -> Result<Vec<(Change, Vec<u8>)>> {
    let layer = Layer::open(ctx, config)?;
    let mut found: Vec<_> = layer.changes(ctx, config)?.iter().flat_map(|entry| changes(entry, &layer.base)).collect();
    found.sort_by(|(_, a), (_, b)| a.cmp(b));
    Ok(found)
}

/// What an entry says; a directory that shows nothing of the one below deletes what that has.
fn changes(entry: &Entry, base: &View) -> Vec<(Change, Vec<u8>)> {
    let path = |path: &[u8]| [b"/", path].concat();
    let change = match (&entry.node, base.lookup(&entry.path)) {
        _ if entry.path.is_empty() => return Vec::new(),
        (Node::Whiteout, _) => Change::Deleted,
        (_, None) => Change::Added,
        (_, Some(_)) => Change::Changed,
    };
    let mut found = vec![(change, path(&entry.path))];
    if let Node::Directory { opaque: true, .. } = entry.node {
        found.extend(base.list(&entry.path).iter().map(|gone| (Change::Deleted, path(&gone.entry.path))));
    }
    found
}

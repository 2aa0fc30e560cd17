//! Hard links among the files of a draft. Knows inodes and names, not why a file counts as changed.

use super::changes::Candidate;
use crate::layer::{Node, View};
use std::collections::BTreeMap;

/// Makes every file that has several names among the candidates, which are in order, one file and links to it, if any
/// of its names changed or if they were not all one file in the layers below.
///
/// A name that overlayfs copied up alone is a file of its own from then on: that by itself is no change.
pub(super) fn join(candidates: &mut [Candidate], base: &View) {
    let mut files: BTreeMap<(u64, u64), Vec<usize>> = BTreeMap::new();
    for (at, candidate) in candidates.iter().enumerate() {
        if let Some(file) = candidate.shared {
            files.entry(file).or_default().push(at);
        }
    }
    for names in files.values().filter(|names| names.len() > 1) {
        let changed = names.iter().any(|at| candidates[*at].changed) || !were_one(names, candidates, base);
        if changed {
            link(names, candidates);
        }
    }
}

fn link(names: &[usize], candidates: &mut [Candidate]) {
    let first = candidates[names[0]].entry.path.clone();
    for at in names {
        candidates[*at].changed = true;
    }
    for at in &names[1..] {
        candidates[*at].entry.node = Node::HardLink { target: first.clone() };
    }
}

fn were_one(names: &[usize], candidates: &[Candidate], base: &View) -> bool {
    let file_of = |at: &usize| identity(base, &candidates[*at].entry.path);
    let first = file_of(&names[0]);
    first.is_some() && names.iter().all(|at| file_of(at) == first)
}

/// The layer and the first name there of the file at the path.
fn identity<'a>(base: &'a View, path: &[u8]) -> Option<(usize, &'a [u8])> {
    let found = base.lookup(path)?;
    let first = base.layers().get(found.layer)?.first_name(found.entry)?;
    Some((found.layer, &first.path))
}

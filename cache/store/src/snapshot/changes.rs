//! What a step changed: a draft's tree compared with the view of the layers below. The answer follows from what both
//! hold, not from how the step got there, so all drivers give the same one. Knows no driver: an upper directory and a
//! whole tree differ in what an absent name means, and that is all.

use super::baseline::Baseline;
use super::compare::{is_same_directory, is_same_file};
use super::links;
use super::read::{Reading, Seen};
use crate::error::Result;
use crate::layer::{
    Entry, Node, OpaqueXattr, Ownership, View, compare_paths, is_below, join_path, show_path, split_path,
};
use crate::root_dir::{Dir, Meta, RootDir};
use rbuild_oci::Cancel;
use std::collections::BTreeSet;

/// What was changed in a draft.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The entries of the layer that says so, in the order of [`compare_paths`], ready to be packed: new and changed
    /// files (data [`crate::layer::FileData::UNREAD`]), whiteouts, and every directory on the way to them. The root
    /// directory is among them only if more than its time changed.
    pub entries: Vec<Entry>,
    /// What was left out and why, for people.
    pub notes: Vec<String>,
}

/// What kind of tree a draft's is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tree<'a> {
    /// The upper directory of an overlay: a name that is not there is unchanged.
    Upper(OpaqueXattr),
    /// The same as fuse-overlayfs writes it, with marks of its own beside.
    FuseUpper(OpaqueXattr),
    /// All files: a name that is not there was deleted. With a baseline, most need not be looked at.
    Whole(Option<&'a Baseline>),
}

/// What the names of fuse-overlayfs's own marks begin with; what follows is deleted.
pub(super) const WHITEOUT: &[u8] = b".wh.";
/// In a directory that shows nothing of the layers below.
pub(super) const OPAQUE: &[u8] = b".wh..wh..opq";

/// What is compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison<'a> {
    pub(super) root: &'a RootDir,
    pub(super) tree: Tree<'a>,
    pub(super) ownership: Ownership,
    pub(super) base: &'a View,
    pub(super) cancel: &'a Cancel,
}

/// A file of the draft that may be part of the changes.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) entry: Entry,
    /// Its inode, if it has several names.
    pub(super) shared: Option<(u64, u64)>,
    pub(super) changed: bool,
}

/// Finds the changes.
pub(super) fn find(comparison: Comparison<'_>) -> Result<Changes> {
    let mut scan = Scan { comparison, candidates: Vec::new(), open: Vec::new(), notes: Vec::new() };
    let top = comparison.root.top();
    scan.visit(top, b".", b"", &top.stat(b".")?)?;
    for found in comparison.root.walk(b"")? {
        let found = found?;
        comparison.cancel.check()?;
        scan.visit(found.dir(), found.name(), &found.path, &found.meta)?;
    }
    Ok(scan.finish())
}

struct Scan<'a> {
    comparison: Comparison<'a>,
    candidates: Vec<Candidate>,
    /// The directories from the root to where the scan is now.
    open: Vec<OpenDirectory>,
    notes: Vec<String>,
}

struct OpenDirectory {
    path: Vec<u8>,
    candidate: usize,
    /// Nothing of the layers below shows in it.
    whole: bool,
    /// It is not the directory of the layers below, but another one in its place.
    replaced: bool,
    /// How many names the layers below have in it.
    names_below: usize,
    /// Those of them that did not come up; empty where the kernel marks deletions.
    gone: BTreeSet<Vec<u8>>,
}

impl Scan<'_> {
    fn visit(&mut self, dir: &Dir, name: &[u8], path: &[u8], meta: &Meta) -> Result<()> {
        while let Some(done) = self.open.pop_if(|open| !is_below(path, &open.path)) {
            self.close(&done);
        }
        if let (Tree::FuseUpper(_), Some(mark)) = (self.comparison.tree, name.strip_prefix(WHITEOUT)) {
            self.whiteout(&join_path(split_path(path).0, mark));
            return Ok(());
        }
        let untouched = match self.comparison.tree {
            Tree::Whole(Some(old)) => old.is_untouched(path, (dir, name), meta)?,
            _ => false,
        };
        if untouched && !meta.is_dir() {
            self.came_up(name);
            return Ok(());
        }
        match self.reading().read(dir, name, path, meta)? {
            Seen::Whiteout => self.whiteout(path),
            Seen::Unfit(what) => self.notes.push(format!("{} is left out: no image can hold {what}", show_path(path))),
            Seen::Entry { entry, opaque } if meta.is_dir() => {
                self.came_up(name);
                let opaque = opaque || self.is_fuse_opaque(dir, name)?;
                self.directory(entry, dir, name, meta, &Clues { opaque, untouched })?;
            }
            Seen::Entry { entry, .. } => {
                self.came_up(name);
                let Comparison { base, ownership, cancel, .. } = self.comparison;
                let changed = !is_same_file(&entry, base, ownership, || dir.open_file(name), cancel)?;
                let shared = (meta.nlink > 1).then(|| meta.id());
                self.candidates.push(Candidate { entry, shared, changed });
            }
        }
        Ok(())
    }

    const fn reading(&self) -> Reading<'_> {
        let marks = match self.comparison.tree {
            Tree::Upper(marks) | Tree::FuseUpper(marks) => Some(marks),
            Tree::Whole(_) => None,
        };
        Reading { marks, ownership: self.comparison.ownership, base: self.comparison.base }
    }

    fn is_fuse_opaque(&self, dir: &Dir, name: &[u8]) -> Result<bool> {
        if !matches!(self.comparison.tree, Tree::FuseUpper(_)) {
            return Ok(false);
        }
        match dir.open_dir(name)?.stat(OPAQUE) {
            Err(error) if error.is_not_found() => Ok(false),
            found => found.map(|_| true),
        }
    }

    fn came_up(&mut self, name: &[u8]) {
        if let Some(parent) = self.open.last_mut() {
            parent.gone.remove(name);
        }
    }

    /// A mark of the kernel's. In a directory where nothing shows through, absence says it already.
    fn whiteout(&mut self, path: &[u8]) {
        if !self.open.last().is_some_and(|parent| parent.whole) && self.comparison.base.lookup(path).is_some() {
            self.delete(path.to_vec());
        }
    }

    fn directory(&mut self, entry: Entry, dir: &Dir, name: &[u8], meta: &Meta, clues: &Clues) -> Result<()> {
        let base = self.comparison.base;
        let path = entry.path.clone();
        let below = base.lookup(&path).map(|found| found.entry).filter(|entry| entry.node.is_directory());
        let in_whole = self.open.last().is_some_and(|parent| parent.whole);
        let (whole, replaced) = match self.comparison.tree {
            Tree::Upper(_) | Tree::FuseUpper(_) => [clues.opaque || in_whole || below.is_none(); 2].into(),
            Tree::Whole(None) => (true, false),
            Tree::Whole(Some(old)) => (true, old.is_replaced(&path, dir, name, meta)?),
        };
        let mut gone = BTreeSet::new();
        if whole && below.is_some() && !clues.untouched {
            gone.extend(base.list(&path).iter().map(|found| found.entry.name().to_vec()));
        }
        let (candidate, names_below) = (self.candidates.len(), gone.len());
        self.open.push(OpenDirectory { path, candidate, whole, replaced, names_below, gone });
        let changed = !is_same_directory(&entry, below);
        self.candidates.push(Candidate { entry, shared: None, changed });
        Ok(())
    }

    fn close(&mut self, done: &OpenDirectory) {
        let all_gone = done.names_below > 0 && done.gone.len() == done.names_below;
        if done.replaced && all_gone {
            let directory = &mut self.candidates[done.candidate];
            directory.entry.node = Node::Directory { opaque: true, implied: false };
            directory.changed = true;
            return;
        }
        for name in &done.gone {
            self.delete(join_path(&done.path, name));
        }
    }

    fn delete(&mut self, path: Vec<u8>) {
        let entry = Entry::new(path, Node::Whiteout, 0);
        self.candidates.push(Candidate { entry, shared: None, changed: true });
    }

    fn finish(mut self) -> Changes {
        while let Some(done) = self.open.pop() {
            self.close(&done);
        }
        self.candidates.sort_by(|a, b| compare_paths(&a.entry.path, &b.entry.path));
        links::join(&mut self.candidates, self.comparison.base);
        mark_parents(&mut self.candidates);
        let changed = self.candidates.into_iter().filter(|candidate| candidate.changed);
        Changes { entries: changed.map(|candidate| candidate.entry).collect(), notes: self.notes }
    }
}

/// What else is known of a directory.
struct Clues {
    /// The kernel marked it as showing nothing of the layers below.
    opaque: bool,
    /// No name in it was made or removed.
    untouched: bool,
}

/// Every directory on the way to a change, the root left out, counts as changed. The candidates are in order, so what
/// is below a directory comes right after it.
fn mark_parents(candidates: &mut [Candidate]) {
    let mut next: &[u8] = &[];
    for candidate in candidates.iter_mut().rev() {
        let path = &candidate.entry.path;
        candidate.changed |= !path.is_empty() && is_below(next, path);
        if candidate.changed {
            next = path;
        }
    }
}

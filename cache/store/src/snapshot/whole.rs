//! What the drivers have in common whose snapshots are whole trees: a draft begins as a copy of the topmost snapshot.
//! How a tree is made and copied is each driver's own. Knows no mount.
//!
//! One difference to overlays shows inside a step: a write through one name of a file is seen through all its names,
//! while overlayfs gives the name a file of its own when the other names are in a lower layer.

use super::baseline::Baseline;
use super::changes::{Changes, Comparison, Tree, find};
use super::draft::{Draft, Place, Rootfs, Storage};
use super::home::Home;
use super::kept;
use super::settle::Settling;
use super::workspace::FILES;
use super::{LayerSource, Snapshotter, StackLayer, view};
use crate::error::Result;
use crate::layer::{LayerIndex, Ownership, Style, UnpackOptions, View};
use crate::root_dir::RootDir;
use rbuild_oci::{Cancel, ChainId, Timestamp};
use std::fmt::Debug;
use std::path::{Path, PathBuf};

/// How a driver makes trees. Paths are absolute; who reads a tree may be led to it by a link.
pub(super) trait Trees: Debug + Send + Sync {
    /// Makes an empty root directory at a path that is free: root's, 0755, of 1970.
    fn make(&self, path: &Path) -> Result<()>;

    /// Makes a copy of the tree `from` at a path that is free.
    fn copy(&self, from: &Path, path: &Path, cancel: &Cancel) -> Result<()>;

    /// Sees to it that a tree that was made, maybe in another boot, can be read.
    fn wake(&self, _path: &Path) -> Result<()> {
        Ok(())
    }

    /// What the change times of a tree do not tell.
    fn blind_spots(&self) -> BlindSpots {
        BlindSpots::None
    }

    /// Makes plain directories of what a step made of the driver's own kind, before its tree becomes a snapshot.
    fn plain(&self, _root: &RootDir, _layer: &LayerIndex) -> Result<()> {
        Ok(())
    }

    /// Removes trees that nothing leads to any more. Called after the home was swept.
    fn sweep(&self, _home: &Home) -> Result<()> {
        Ok(())
    }
}

/// What can change in a tree without a trace in change times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlindSpots {
    /// Nothing.
    None,
    /// Extended attributes. And the clock is the tree's own, not that of the home.
    Attributes,
}

/// A driver of whole trees.
#[derive(Debug)]
pub(super) struct Whole<T> {
    name: &'static str,
    home: Home,
    ownership: Ownership,
    trees: T,
}

impl<T: Trees> Whole<T> {
    pub(super) fn new(name: &'static str, home: Home, ownership: Ownership, trees: T) -> Self {
        Self { name, home, ownership, trees }
    }

    /// How many layers of the stack a snapshot holds already.
    fn height_of_best(&self, stack: &[StackLayer]) -> Result<usize> {
        for height in (1..=stack.len()).rev() {
            if self.home.has(&stack[height - 1].chain)? {
                return Ok(height);
            }
        }
        Ok(0)
    }

    fn begin(&self, below: Option<&ChainId>, path: &Path, cancel: &Cancel) -> Result<()> {
        match below {
            Some(chain) => self.trees.copy(&self.home.files(chain), path, cancel),
            None => self.trees.make(path),
        }
    }

    /// The root directory in a place: what is there already, or a copy of the stack. A copy that was cut short is made
    /// anew.
    fn keep(&self, place: &Path, below: Option<&ChainId>, cancel: &Cancel) -> Result<PathBuf> {
        const UNFINISHED: &str = "fs.unfinished";
        let (root, files) = (RootDir::open(place)?, place.join(FILES));
        kept::claim(&root, place, self.name)?;
        if root.stat(FILES.as_bytes()).is_err() {
            root.remove_tree(UNFINISHED.as_bytes())?;
            self.begin(below, &place.join(UNFINISHED), cancel)?;
            root.rename(UNFINISHED.as_bytes(), FILES.as_bytes())?;
        }
        self.trees.wake(&files)?;
        Ok(files)
    }
}

impl<T: Trees> Snapshotter for Whole<T> {
    fn home(&self) -> &Home {
        &self.home
    }

    fn ensure(&self, stack: &[StackLayer], source: &dyn LayerSource, cancel: &Cancel) -> Result<()> {
        let Some(top) = stack.last() else { return Ok(()) };
        let Some(_turn) = self.home.turn(&top.chain)? else { return Ok(()) };
        let best = self.height_of_best(stack)?;
        let workspace = self.home.bare_workspace()?;
        let below = best.checked_sub(1).map(|below| &stack[below].chain);
        self.begin(below, &workspace.files(), cancel)?;
        let root = RootDir::open(&workspace.files())?;
        for height in best..stack.len() {
            let below = view(&stack[..height]);
            let options = UnpackOptions { style: Style::Plain, ownership: self.ownership, below: &below };
            let opened = source.open(&stack[height].diff)?;
            stack[height].unpack(&root, &options, &opened, cancel)?;
        }
        self.home.publish(workspace, &top.chain)
    }

    fn prepare(&self, stack: &[StackLayer], place: Place<'_>, cancel: &Cancel) -> Result<Draft> {
        let parent = stack.last().map(|layer| layer.chain);
        let mut root_mtime = Timestamp::default();
        if let Some(chain) = &parent {
            let source = self.home.files(chain);
            self.trees.wake(&source)?;
            root_mtime = RootDir::open(&source)?.top().stat(b".")?.mtime;
        }
        if let Place::Kept(path) = place {
            let rootfs = Rootfs::Directory(self.keep(path, parent.as_ref(), cancel)?);
            return Ok(Draft { rootfs, storage: Storage::Kept, parent, root_mtime, baseline: None });
        }
        let (workspace, mut baseline) = (self.home.bare_workspace()?, None);
        self.begin(parent.as_ref(), &workspace.files(), cancel)?;
        if parent.is_some() {
            let root = RootDir::open(&workspace.files())?;
            let blind = self.trees.blind_spots();
            let clock = if blind == BlindSpots::None { workspace.clock()? } else { clock_of(&root)? };
            baseline = Some(Baseline::take(&root, clock, blind, cancel)?);
        }
        let rootfs = Rootfs::Directory(workspace.files());
        Ok(Draft { rootfs, storage: Storage::Temporary(workspace), parent, root_mtime, baseline })
    }

    fn look(&self, stack: &[StackLayer], place: &Path, _: &Cancel) -> Result<Option<Draft>> {
        let files = place.join(FILES);
        if rustix::fs::lstat(&files).is_err() {
            return Ok(None);
        }
        kept::check(&RootDir::open(place)?, place, self.name)?;
        self.trees.wake(&files)?;
        let (rootfs, parent) = (Rootfs::Directory(files), stack.last().map(|layer| layer.chain));
        let root_mtime = Timestamp::default();
        Ok(Some(Draft { rootfs, storage: Storage::Kept, parent, root_mtime, baseline: None }))
    }

    fn changes(&self, draft: &Draft, base: &View, cancel: &Cancel) -> Result<Changes> {
        let tree = Tree::Whole(draft.baseline.as_ref());
        find(Comparison { root: &draft.root()?, tree, ownership: self.ownership, base, cancel })
    }

    fn commit(&self, draft: Draft, chain: &ChainId, layer: &LayerIndex) -> Result<()> {
        let root = draft.root()?;
        let (baseline, root_mtime) = (draft.baseline.as_ref(), draft.root_mtime);
        if matches!(draft.storage, Storage::Temporary(_)) {
            self.trees.plain(&root, layer)?;
            Settling { root: &root, ownership: self.ownership, layer, root_mtime }.whole(baseline)?;
        }
        self.home.publish(draft.into_workspace()?, chain)
    }

    fn sweep(&self) -> Result<()> {
        self.home.sweep()?;
        self.trees.sweep(&self.home)
    }
}

/// The clock of the file system that a tree is, as it stamps changes.
fn clock_of(root: &RootDir) -> Result<Timestamp> {
    /// Nothing that a layer holds is called like this.
    const TICK: &[u8] = b".wh..tick";
    let before = root.top().stat(b".")?.mtime;
    root.mkdir(TICK, 0o700)?;
    let clock = root.stat(TICK)?.ctime;
    root.remove_tree(TICK)?;
    root.top().set_times(b".", before)?;
    Ok(clock)
}

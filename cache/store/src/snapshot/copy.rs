//! The driver that works everywhere: a snapshot is the whole tree of its stack, and a draft is a copy of it, which
//! costs no space where the file system shares data. Knows no mount.
//!
//! One difference to overlays shows inside a step: a write through one name of a file is seen through all its names,
//! while overlayfs gives the name a file of its own when the other names are in a lower layer.

use super::baseline::Baseline;
use super::changes::{Changes, Comparison, Tree, find};
use super::clone::clone_tree;
use super::draft::{Draft, Place, Rootfs, Storage};
use super::home::Home;
use super::settle::Settling;
use super::workspace::{FILES, make_root};
use super::{LayerSource, Snapshotter, StackLayer, view};
use crate::error::Result;
use crate::layer::{LayerIndex, Limits, Ownership, Style, UnpackOptions, View};
use crate::root_dir::RootDir;
use rbuild_oci::{Cancel, ChainId, Timestamp};
use std::path::{Path, PathBuf};

/// The copy driver.
#[derive(Debug)]
pub struct Copy {
    home: Home,
    ownership: Ownership,
}

impl Copy {
    /// The name of the driver.
    pub const NAME: &'static str = "copy";

    /// The driver with its home in the bucket for the id map.
    pub fn open(bucket: &Path, id_map: &str, ownership: Ownership) -> Result<Self> {
        Ok(Self { home: Home::open(bucket, Self::NAME, id_map)?, ownership })
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
}

/// The root directory in a place: what is there already, or a copy of `source`. A copy that was cut short is made anew.
fn keep(place: &Path, source: Option<&RootDir>, cancel: &Cancel) -> Result<PathBuf> {
    const UNFINISHED: &str = "fs.unfinished";
    let (root, files) = (RootDir::open(place)?, place.join(FILES));
    if root.stat(FILES.as_bytes()).is_ok() {
        return Ok(files);
    }
    root.remove_tree(UNFINISHED.as_bytes())?;
    make_root(&root, UNFINISHED)?;
    if let Some(source) = source {
        clone_tree(source, &root.subroot(UNFINISHED.as_bytes())?, cancel)?;
    }
    root.rename(UNFINISHED.as_bytes(), FILES.as_bytes())?;
    Ok(files)
}

impl Snapshotter for Copy {
    fn home(&self) -> &Home {
        &self.home
    }

    fn ensure(&self, stack: &[StackLayer], source: &dyn LayerSource, cancel: &Cancel) -> Result<()> {
        let best = self.height_of_best(stack)?;
        let Some(top) = stack.last().filter(|_| best < stack.len()) else { return Ok(()) };
        let workspace = self.home.workspace()?;
        let root = RootDir::open(&workspace.files())?;
        if let Some(below) = best.checked_sub(1) {
            clone_tree(&RootDir::open(&self.home.files(&stack[below].chain))?, &root, cancel)?;
        }
        for height in best..stack.len() {
            let below = view(&stack[..height]);
            let (style, ownership, limits) = (Style::Plain, self.ownership, Limits::default());
            let options = UnpackOptions { style, ownership, below: &below, limits };
            stack[height].unpack(&root, &options, source, cancel)?;
        }
        self.home.publish(workspace, &top.chain)
    }

    fn prepare(&self, stack: &[StackLayer], place: Place<'_>, cancel: &Cancel) -> Result<Draft> {
        let parent = stack.last().map(|layer| layer.chain);
        let source = parent.map(|chain| RootDir::open(&self.home.files(&chain))).transpose()?;
        let root_mtime = match &source {
            Some(source) => source.top().stat(b".")?.mtime,
            None => Timestamp::default(),
        };
        if let Place::Kept(path) = place {
            let rootfs = Rootfs::Directory(keep(path, source.as_ref(), cancel)?);
            return Ok(Draft { rootfs, storage: Storage::Kept, parent, root_mtime, baseline: None });
        }
        let (workspace, mut baseline) = (self.home.workspace()?, None);
        let rootfs = Rootfs::Directory(workspace.files());
        if let Some(source) = source {
            let root = RootDir::open(&workspace.files())?;
            clone_tree(&source, &root, cancel)?;
            baseline = Some(Baseline::take(&root, workspace.clock()?, cancel)?);
        }
        Ok(Draft { rootfs, storage: Storage::Temporary(workspace), parent, root_mtime, baseline })
    }

    fn changes(&self, draft: &Draft, base: &View, cancel: &Cancel) -> Result<Changes> {
        let tree = Tree::Whole(draft.baseline.as_ref());
        find(Comparison { root: &draft.root()?, tree, ownership: self.ownership, base, cancel })
    }

    fn commit(&self, draft: Draft, chain: &ChainId, layer: &LayerIndex) -> Result<()> {
        let root = draft.root()?;
        Settling { root: &root, ownership: self.ownership, layer, root_mtime: draft.root_mtime }
            .whole(draft.baseline.as_ref())?;
        self.home.publish(draft.into_workspace()?, chain)
    }
}

//! The driver for kernels that mount overlays here: a snapshot is one layer, laid out as an upper directory, or as what is
//! to be laid over the directory of another that is nearly the same; a draft is an empty upper directory on top of those
//! of its stack. Knows no mount call.

use super::changes::{Changes, Comparison, Tree, find};
use super::choose::{Driver, Opened, Traits, Wish};
use super::clone::copy_meta;
use super::draft::{Draft, Place, Rootfs, Storage};
use super::flatten::lowers;
use super::home::Home;
use super::settle::{Settling, remove_unnoticed};
use super::sibling::{difference, is_large};
use super::workspace::{FILES, make_root};
use super::{LayerSource, OpenLayer, Snapshotter, StackLayer, kept, probe, view};
use crate::error::Result;
use crate::layer::{LayerIndex, Node, OpaqueXattr, Ownership, Style, UnpackOptions, View, split_path, unpack_part};
use crate::root_dir::RootDir;
use rbuild_oci::{Cancel, ChainId, Timestamp};
use std::path::{Path, PathBuf};

/// The overlay driver.
pub(super) const DRIVER: Driver =
    Driver { name: NAME, aliases: &["overlay2", "overlayfs"], works: "the kernel mounts overlays here", open, traits };

const NAME: &str = "overlay";

fn open(wish: &Wish<'_>) -> Result<Opened> {
    let driver = Overlay::open(NAME, wish)?;
    Ok(match probe::overlay_once(driver.home(), wish.marks)? {
        Some(reason) => Err(reason),
        None => Ok(Box::new(driver)),
    })
}

fn traits(wish: &Wish<'_>) -> Traits {
    let userxattr = wish.marks == OpaqueXattr::User;
    vec![
        ("Using metacopy", "false".to_owned()),
        ("Native Overlay Diff", "true".to_owned()),
        ("userxattr", userxattr.to_string()),
    ]
}

/// Snapshots in the layout of overlayfs.
#[derive(Debug)]
pub(super) struct Overlay {
    name: &'static str,
    home: Home,
    marks: OpaqueXattr,
    ownership: Ownership,
}

impl Overlay {
    /// The driver of that name, with a home of its own.
    pub(super) fn open(name: &'static str, wish: &Wish<'_>) -> Result<Self> {
        let home = Home::open(wish.bucket, name, wish.id_map)?;
        Ok(Self { name, home, marks: wish.marks, ownership: wish.ownership })
    }

    /// The marks in its directories.
    pub(super) const fn marks(&self) -> OpaqueXattr {
        self.marks
    }

    /// Where owners are in its directories.
    pub(super) const fn ownership(&self) -> Ownership {
        self.ownership
    }

    fn unpack(&self, stack: &[StackLayer], source: &dyn LayerSource, cancel: &Cancel) -> Result<()> {
        let Some((layer, below)) = stack.split_last() else { return Ok(()) };
        let (parent, below) = (below.last().map(|layer| &layer.chain), view(below));
        let options = UnpackOptions { style: Style::Overlay(self.marks), ownership: self.ownership, below: &below };
        let opened = source.open(&layer.diff)?;
        let is_large = is_large(&opened.1);
        // Whatever goes wrong with that, the whole layer tells.
        if is_large && self.lay_over_sibling((layer, &opened), parent, &options, source, cancel).unwrap_or(false) {
            return Ok(());
        }
        let workspace = self.home.workspace()?;
        let root = RootDir::open(&workspace.files())?;
        layer.unpack(&root, &options, &opened, cancel)?;
        drop_idle_whiteouts(&root, &layer.index, &below)?;
        self.home.publish(workspace, &layer.chain)?;
        if is_large {
            // Without it others are unpacked whole.
            self.home.offer(parent, layer).ok();
        }
        Ok(())
    }

    /// Lays what differs of a layer over a snapshot on the stack `parent` that is nearly the same. False if there is none.
    fn lay_over_sibling(
        &self,
        (layer, (tarball, index)): (&StackLayer, &OpenLayer),
        parent: Option<&ChainId>,
        options: &UnpackOptions<'_>,
        source: &dyn LayerSource,
        cancel: &Cancel,
    ) -> Result<bool> {
        for (sibling, diff) in self.home.offers(parent)? {
            if self.home.is_base(&sibling)?
                && let Some(other) = source.index_here(&diff)?
                && let Some(part) = difference(index, &other, options.below)
            {
                let workspace = self.home.workspace()?;
                unpack_part(&**tarball, &part, &RootDir::open(&workspace.files())?, options, cancel)?;
                return self.home.publish_over(workspace, &layer.chain, &sibling);
            }
        }
        Ok(false)
    }

    /// The upper directory of a place, and a work directory that no mount has used.
    fn scratch(&self, place: Place<'_>) -> Result<Scratch> {
        match place {
            Place::Temporary => {
                let workspace = self.home.workspace()?;
                let (upper, work) = (workspace.files(), workspace.make(WORK)?);
                Ok(Scratch { upper, work, is_new: true, storage: Storage::Temporary(workspace) })
            }
            Place::Kept(path) => {
                let root = RootDir::open(path)?;
                kept::claim(&root, path, self.name)?;
                let is_new = match make_root(&path.join(FILES)) {
                    Err(error) if error.is_taken() => false,
                    made => made.map(|()| true)?,
                };
                root.remove_tree(WORK.as_bytes())?;
                root.mkdir(WORK.as_bytes(), 0o700)?;
                Ok(Scratch { upper: path.join(FILES), work: path.join(WORK), is_new, storage: Storage::Kept })
            }
        }
    }
}

/// What a mount needs of its own.
struct Scratch {
    upper: PathBuf,
    work: PathBuf,
    is_new: bool,
    storage: Storage,
}

const WORK: &str = "work";

/// Removes whiteouts of things that the layers below do not have: overlayfs lists them in directories that only one
/// layer has.
fn drop_idle_whiteouts(root: &RootDir, layer: &LayerIndex, below: &View) -> Result<()> {
    let whiteouts = layer.entries().iter().filter(|entry| entry.node == Node::Whiteout);
    let idle = whiteouts.filter(|entry| below.lookup(&entry.path).is_none());
    for entry in idle {
        let (parent, name) = split_path(&entry.path);
        remove_unnoticed(&root.open_dir(parent)?, name)?;
    }
    Ok(())
}

impl Snapshotter for Overlay {
    fn home(&self) -> &Home {
        &self.home
    }

    fn ensure(&self, stack: &[StackLayer], source: &dyn LayerSource, cancel: &Cancel) -> Result<()> {
        for height in 1..=stack.len() {
            if let Some(_turn) = self.home.turn(&stack[height - 1].chain)? {
                self.unpack(&stack[..height], source, cancel)?;
            }
        }
        Ok(())
    }

    fn prepare(&self, stack: &[StackLayer], place: Place<'_>, cancel: &Cancel) -> Result<Draft> {
        let lowers = lowers(&self.home, self.marks, stack, cancel)?;
        let Scratch { upper, work, is_new, storage } = self.scratch(place)?;
        let parent = stack.last().map(|layer| layer.chain);
        let mut root_mtime = Timestamp::default();
        if let Some(chain) = &parent {
            let top = RootDir::open(&self.home.files(chain))?;
            let below = top.top().stat(b".")?;
            root_mtime = below.mtime;
            if is_new {
                copy_meta((top.top(), b".", &below), (RootDir::open(&upper)?.top(), b"."))?;
            }
        }
        let userxattr = self.marks == OpaqueXattr::User;
        let rootfs = if lowers.is_empty() {
            Rootfs::Directory(upper)
        } else {
            Rootfs::Overlay { lowers, upper, work, userxattr }
        };
        Ok(Draft { rootfs, storage, parent, root_mtime, baseline: None })
    }

    fn look(&self, stack: &[StackLayer], place: &Path, cancel: &Cancel) -> Result<Option<Draft>> {
        let (upper, work) = (place.join(FILES), place.join(WORK));
        if !upper.exists() {
            return Ok(None);
        }
        kept::check(&RootDir::open(place)?, place, self.name)?;
        let lowers = lowers(&self.home, self.marks, stack, cancel)?;
        let userxattr = self.marks == OpaqueXattr::User;
        let rootfs = if lowers.is_empty() {
            Rootfs::Directory(upper)
        } else {
            Rootfs::Overlay { lowers, upper, work, userxattr }
        };
        let parent = stack.last().map(|layer| layer.chain);
        Ok(Some(Draft { rootfs, storage: Storage::Looked, parent, root_mtime: Timestamp::default(), baseline: None }))
    }

    fn changes(&self, draft: &Draft, base: &View, cancel: &Cancel) -> Result<Changes> {
        let tree = match draft.rootfs {
            Rootfs::Directory(_) => Tree::Whole(None),
            _ => Tree::Upper(self.marks),
        };
        find(Comparison { root: &draft.root()?, tree, ownership: self.ownership, base, cancel })
    }

    fn commit(&self, draft: Draft, chain: &ChainId, layer: &LayerIndex) -> Result<()> {
        let (root, root_mtime) = (draft.root()?, draft.root_mtime);
        let workspace = draft.into_workspace()?;
        Settling { root: &root, ownership: self.ownership, layer, root_mtime }.upper(self.marks)?;
        workspace.clear(WORK)?;
        self.home.publish(workspace, chain)
    }
}

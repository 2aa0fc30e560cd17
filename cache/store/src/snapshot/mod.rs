//! Storage drivers: layers made into directories that a step can run on, and what it changed made into a layer again.
//!
//! A snapshot is a cache: it is named by the ChainId of its stack, may vanish, and is then made again from the layers.
//! **snapshot(ChainId) equals unpack(its layers) in every lstat, xattr and byte**, for every driver, whether it was
//! unpacked or committed from a draft. A `Draft` is the writable place on top of a stack for one step; it says what to
//! mount as data (`Rootfs`), so whoever runs the step need not know the driver. Knows no process and mounts nothing
//! (`choose` tries a mount that nobody sees).
//!
//! To add a driver: one file or folder here, one line in `choose`, one line in `testing::drivers`. Those whose snapshots
//! are whole trees say how a tree is made and copied, and leave the rest to `whole`.

mod baseline;
mod btrfs;
mod changes;
mod check;
mod choose;
mod clone;
mod compare;
mod copy;
mod draft;
mod filesystem;
mod flatten;
mod fuse;
mod home;
mod kept;
mod links;
mod offers;
mod overlay;
mod pack;
mod places;
mod probe;
mod read;
mod reflink;
mod settle;
mod sibling;
#[cfg(test)]
mod testing;
mod turns;
mod whole;
mod workspace;
mod zfs;

pub use changes::Changes;
pub use choose::{Chosen, Wish, choose, describe, known_driver};
pub use clone::clone_tree;
pub use draft::{Draft, Place, Rootfs};
pub use fuse::FuseOverlay;
pub use home::{Home, Stored};
pub use kept::kept_by;
pub use pack::{list_tree, pack, pack_tree};
pub use places::Places;
pub(crate) use zfs::sweep_all as sweep_datasets;

#[cfg(test)]
use overlay::Overlay;

use crate::error::{Error, Result};
use crate::layer::{LayerIndex, Tarball, UnpackOptions, View, unpack};
use crate::root_dir::RootDir;
use draft::Storage;
use rbuild_oci::{Cancel, ChainId, DiffId, Timestamp};
use std::path::Path;
use std::sync::Arc;
use workspace::FILES;

/// One layer of a stack.
#[derive(Clone, Debug)]
pub struct StackLayer {
    /// The stack up to and with this layer.
    pub chain: ChainId,
    /// The layer itself.
    pub diff: DiffId,
    /// What is in the layer.
    pub index: Arc<LayerIndex>,
}

/// Where the bytes of layers come from.
pub trait LayerSource: Send + Sync {
    /// The layer's uncompressed tarball, fetched first if it is not here yet, and the index that was made of it.
    fn open(&self, layer: &DiffId) -> Result<OpenLayer>;

    /// The index that was made of a layer's tarball, where both are here. They are not thereby used.
    fn index_here(&self, layer: &DiffId) -> Result<Option<LayerIndex>>;
}

/// The tarball of a layer and its own index.
pub type OpenLayer = (Box<dyn Tarball>, LayerIndex);

/// A storage driver. Stacks are given lowest layer first. All methods may be called by many threads and, on the same
/// store, by many processes at once.
pub trait Snapshotter: Send + Sync {
    /// Where the driver keeps its snapshots; [`Home`] lists and removes them.
    fn home(&self) -> &Home;

    /// Makes the snapshots that [`Snapshotter::prepare`] needs for this stack, where they are not there or cannot be
    /// trusted. Idempotent. A tarball that is not the one that its DiffId names is [`crate::Error::Corrupt`], as far as
    /// it has to be read.
    fn ensure(&self, stack: &[StackLayer], source: &dyn LayerSource, cancel: &Cancel) -> Result<()>;

    /// A writable place on top of a stack whose snapshots are ensured.
    fn prepare(&self, stack: &[StackLayer], place: Place<'_>, cancel: &Cancel) -> Result<Draft>;

    /// What is kept in `place` on top of a stack, to be looked at only: its owner may be writing to it at this moment.
    /// None where nothing was prepared yet. Of a driver that does not say otherwise this is the directory there.
    fn look(&self, stack: &[StackLayer], place: &Path, _cancel: &Cancel) -> Result<Option<Draft>> {
        let files = place.join(FILES);
        let rootfs = Rootfs::Directory(files.clone());
        let parent = stack.last().map(|layer| layer.chain);
        let draft =
            || Draft { rootfs, storage: Storage::Looked, parent, root_mtime: Timestamp::default(), baseline: None };
        Ok(files.exists().then(draft))
    }

    /// What was changed in the draft, compared with the stack it was prepared on, `base`. Nothing may write to the
    /// draft any more, and it must not be mounted.
    fn changes(&self, draft: &Draft, base: &View, cancel: &Cancel) -> Result<Changes>;

    /// Makes the draft the snapshot of `chain`, whose topmost layer is what `layer` lists: the index that packing the
    /// draft's changes gave. Fine if that snapshot is there already. A kept draft is refused.
    fn commit(&self, draft: Draft, chain: &ChainId, layer: &LayerIndex) -> Result<()>;

    /// Removes what killed processes left, and what is left over of snapshots that were removed.
    fn sweep(&self) -> Result<()> {
        self.home().sweep()
    }
}

impl StackLayer {
    /// Unpacks the layer, which was opened, and checks that it is the one it should be. Its tarball's own index counts: the
    /// one that was known before may have come alone from elsewhere.
    fn unpack(
        &self,
        target: &RootDir,
        options: &UnpackOptions<'_>,
        (tarball, index): &OpenLayer,
        cancel: &Cancel,
    ) -> Result<()> {
        let found = unpack(&**tarball, index, target, options, cancel)?.diff_id;
        if found == self.diff {
            return Ok(());
        }
        let (subject, reason) = (self.diff.to_string(), format!("its data has the digest {found}"));
        Err(Error::Corrupt { what: "layer", subject, reason })
    }
}

/// The view of a stack.
fn view(stack: &[StackLayer]) -> View {
    View::new(stack.iter().map(|layer| layer.index.clone()).collect())
}

//! Drafts: the writable place on top of a stack for one step or one container. Knows what to mount, as plain paths, and
//! not who mounts it.

use super::baseline::Baseline;
use super::fuse::FuseOverlay;
use super::workspace::Workspace;
use crate::error::{Error, Result};
use crate::root_dir::RootDir;
use rbuild_oci::{ChainId, Timestamp};
use std::path::{Path, PathBuf};

/// What to mount as the root directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rootfs {
    /// An overlay, to be mounted with `redirect_dir=nofollow,metacopy=off,index=off,xino=off` (`redirect_dir=off` may
    /// mean to follow, which `userxattr` forbids). A mount for a build step may add `volatile`; one for a container
    /// only where the draft goes with the container.
    Overlay {
        /// The lower directories, **highest layer first**, as overlayfs wants them; at least one.
        lowers: Vec<PathBuf>,
        /// The upper directory.
        upper: PathBuf,
        /// The work directory: fresh, on the file system of `upper`, for one mount only.
        work: PathBuf,
        /// Whether to mount with `userxattr`: marks are kept in `user.overlay.*`, as a user namespace must.
        userxattr: bool,
    },
    /// This directory as it is.
    Directory(PathBuf),
    /// An overlay that a program shows; [`FuseOverlay::mount`] starts it.
    Fuse(FuseOverlay),
}

/// Where a draft lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// With the snapshots, until it is committed or dropped.
    Temporary,
    /// In this directory, for as long as its owner wants: the layer of a container. What was written there before is
    /// found again. The owner sees to it that only one process prepares it at a time.
    Kept(&'a Path),
}

/// A writable place on top of a stack. A temporary draft that is not committed is removed when dropped; what a killed
/// process left is removed by [`super::Home::sweep`].
#[derive(Debug)]
pub struct Draft {
    pub(super) rootfs: Rootfs,
    pub(super) storage: Storage,
    pub(super) parent: Option<ChainId>,
    /// The time of the root directory before the step.
    pub(super) root_mtime: Timestamp,
    /// Of drafts by copy: how the copy looked when it was finished.
    pub(super) baseline: Option<Baseline>,
}

/// What holds a draft's directories.
#[derive(Debug)]
pub(super) enum Storage {
    /// A directory that goes with the draft.
    Temporary(Workspace),
    /// A directory of somebody else's.
    Kept,
    /// One that somebody else may be writing to.
    Looked,
}

impl Draft {
    /// What to mount.
    pub const fn rootfs(&self) -> &Rootfs {
        &self.rootfs
    }

    /// The stack below; none if it is empty.
    pub const fn parent(&self) -> Option<&ChainId> {
        self.parent.as_ref()
    }

    /// The directory that holds what was written: the upper directory of an overlay, or the whole tree.
    pub fn written(&self) -> &Path {
        match &self.rootfs {
            Rootfs::Overlay { upper, .. } | Rootfs::Fuse(FuseOverlay { upper, .. }) => upper,
            Rootfs::Directory(path) => path,
        }
    }

    pub(super) fn root(&self) -> Result<RootDir> {
        RootDir::open(self.written())
    }

    /// What holds a temporary draft; a kept one is not the driver's to give away.
    pub(super) fn into_workspace(self) -> Result<Workspace> {
        match self.storage {
            Storage::Temporary(workspace) => Ok(workspace),
            Storage::Kept | Storage::Looked => Err(Error::Refused {
                what: "draft",
                subject: self.written().display().to_string(),
                reason: "it is kept by its owner and cannot become a snapshot".to_owned(),
            }),
        }
    }
}

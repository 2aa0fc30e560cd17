//! A draft of a storage driver as what the runner mounts. Mounts nothing itself but what only the driver's own program
//! can show.

use crate::error::Result;
use rbuild_runner::{Mounted, Overlay, Rootfs};
use rbuild_store::snapshot::{self, Draft};
use std::sync::Arc;

/// Whether what is written has to survive a crash of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sync {
    /// It does not: rbuild itself decides when a build is durable, or nobody reads it after one. Nor is the end of the
    /// mount held up until all that anybody wrote to the file system below is on its disk.
    Ignored,
    /// It does.
    Honoured,
}

/// A draft as what the runner mounts, once.
pub(crate) fn rootfs(draft: &Draft, sync: Sync) -> Result<Rootfs> {
    Ok(match draft.rootfs() {
        snapshot::Rootfs::Directory(path) => Rootfs::Bind(path.clone()),
        snapshot::Rootfs::Overlay { lowers, upper, work, userxattr } => Rootfs::Overlay(Overlay {
            lowers: lowers.clone(),
            upper: upper.clone(),
            work: work.clone(),
            volatile: sync == Sync::Ignored,
            userxattr: *userxattr,
        }),
        snapshot::Rootfs::Fuse(overlay) => Rootfs::Mounted(Mounted(Arc::new(overlay.mount()?))),
    })
}

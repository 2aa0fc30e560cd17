//! A draft of a storage driver as what the runner mounts. Mounts nothing.

use rbuild_runner::{Overlay, Rootfs};
use rbuild_store::snapshot::{self, Draft};

/// Whether what is written has to survive a crash of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sync {
    /// It does not: rbuild itself decides when a build is durable.
    Ignored,
    /// It does.
    Honoured,
}

/// A draft as what the runner mounts.
pub(crate) fn rootfs(draft: &Draft, sync: Sync) -> Rootfs {
    match draft.rootfs() {
        snapshot::Rootfs::Directory(path) => Rootfs::Bind(path.clone()),
        snapshot::Rootfs::Overlay { lowers, upper, work, userxattr } => Rootfs::Overlay(Overlay {
            lowers: lowers.clone(),
            upper: upper.clone(),
            work: work.clone(),
            volatile: sync == Sync::Ignored,
            userxattr: *userxattr,
        }),
    }
}

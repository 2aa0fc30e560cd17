//! A draft of a storage driver as what the runner mounts, and as it was before that. Mounts nothing itself but what only
//! the driver's own program can show.

use crate::error::Result;
use rbuild_runner::{Mounted, Overlay, Rootfs, Stub, remove_stubs};
use rbuild_store::snapshot::{self, Draft, Places, Snapshotter};
use std::path::PathBuf;
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

/// What a step mounts something on, whatever it asks for.
pub(crate) const STEP: Places<'static> =
    Places { name: "places", directories: &DIRECTORIES, files: &["etc/hosts", "etc/resolv.conf"] };

/// The same of a container of `rbuild run`.
pub(crate) const CONTAINER: Places<'static> = Places {
    name: "places-and-hostname",
    directories: &DIRECTORIES,
    files: &["etc/hosts", "etc/resolv.conf", "etc/hostname"],
};

const DIRECTORIES: [&str; 4] = ["dev", "etc", "proc", "sys"];

/// A draft as the root directory of what runs on it, with a place for each of `places`. Where it is no overlay, or one
/// that takes no more layers, the runner makes those that are missing, and they have to be taken away again.
pub(crate) fn root(driver: &dyn Snapshotter, draft: &Draft, sync: Sync, places: &Places<'_>) -> Result<Rootfs> {
    let mut root = rootfs(draft, sync)?;
    if let Rootfs::Overlay(overlay) = &mut root
        && overlay.lowers.len() < Overlay::MOST_LOWERS
    {
        overlay.lowers.push(driver.home().places(places)?);
    }
    Ok(root)
}

/// Takes away again what was made in a step's draft only to be mounted on: the runner's stubs, and directories of [`STEP`]
/// that the kernel made for those in them. The draft of a container may have had them before: there they are no change.
pub(crate) fn tidy_step(draft: &Draft, stubs: Vec<Stub>) -> Result<()> {
    let mut all = made_for_stubs(draft);
    all.extend(stubs);
    Ok(remove_stubs(draft.written(), &all)?)
}

fn made_for_stubs(draft: &Draft) -> Vec<Stub> {
    let snapshot::Rootfs::Overlay { lowers, upper, .. } = draft.rootfs() else { return Vec::new() };
    let is_in = |layer: &PathBuf, name: &str| layer.join(name).symlink_metadata().is_ok();
    let made = |name: &&&str| is_in(upper, name) && !lowers.iter().any(|lower| is_in(lower, name));
    // The time of the root directory stays as it is then.
    let stub = |name: &&str| {
        let (path, untold) = (name.as_bytes().to_vec(), (0, 0));
        Stub { path, directory: true, parent_before: untold, parent_after: untold }
    };
    STEP.directories.iter().filter(made).map(stub).collect()
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

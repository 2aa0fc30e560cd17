//! The files of an image as a mount of a container: `--mount type=image`. Knows no tag and no registry.

use super::view::{by_descriptor, overlay};
use crate::container::model::{ImageMount, stack};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use rbuild_runner::{Mounted, Source};
use rbuild_store::RootDir;
use rbuild_store::snapshot::{Draft, Place};
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// The files, and what they stand on for as long as they are mounted.
pub(super) fn source(ctx: Ctx<'_>, mount: &ImageMount) -> Result<(Source, Draft)> {
    let missing = || Error::NotFound { path: mount.reference.clone(), place: "the store".to_owned(), hint: None };
    let image = mount.image.as_ref().ok_or_else(missing)?;
    let snapshots = ctx.snapshots.get()?;
    let stack = stack(ctx.store, &image.layers)?;
    snapshots.ensure(&stack, &ctx.store.layers(), ctx.cancel)?;
    let draft = snapshots.prepare(&stack, Place::Temporary, ctx.cancel)?;
    let mounted = overlay(&draft)?;
    let source = match (&mount.subpath, mounted) {
        (None, Some(mounted)) => Source::Mounted(Mounted(Arc::new(mounted))),
        (None, None) => Source::Path(draft.written().to_owned()),
        (Some(path), Some(mounted)) => {
            let root = RootDir::open(&by_descriptor(&mounted))?;
            Source::Mounted(Mounted(Arc::new(part_of_detached(&inside(&root, mount, path)?, path)?)))
        }
        (Some(path), None) => Source::Fd(Arc::new(inside(&RootDir::open(draft.written())?, mount, path)?)),
    };
    Ok((source, draft))
}

/// A directory or file of the image, links followed inside it.
fn inside(root: &RootDir, mount: &ImageMount, path: &str) -> Result<OwnedFd> {
    root.open_path(path.as_bytes()).map_err(|error| {
        if error.is_not_found() {
            Error::Usage(format!("--mount: the image {} has no {path}: correct image-subpath", mount.reference))
        } else {
            error.into()
        }
    })
}

/// A mount of a part of one that is attached nowhere.
pub(super) fn part_of_detached(part: &impl AsFd, path: &str) -> Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    match open_tree(part, c"", flags) {
        Err(Errno::INVAL) => Err(Error::Usage(format!(
            "--mount: {path}: a part of what is mounted for the container alone can be shown from Linux 6.15 on"
        ))),
        other => other.map_err(Error::io("bind", path)),
    }
}

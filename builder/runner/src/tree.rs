//! Detached copies of mounts. Knows neither side of a container.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::mount::{OpenTreeFlags, open_tree};

/// A copy, attached nowhere, of what is at `path` below `at`, with the mounts below it; of `at` itself when `path` is
/// empty. `at` must belong to this process's mount namespace.
pub(crate) fn clone_tree(at: impl AsFd, path: &[u8]) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE
        | OpenTreeFlags::AT_EMPTY_PATH;
    Ok(open_tree(at, path, flags)?)
}

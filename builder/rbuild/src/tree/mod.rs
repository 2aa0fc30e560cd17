//! Trees of files that a COPY, ADD or bind mount selects from: a context, a stage, a download. Knows no destination.
//!
//! Paths are bytes from the tree's root, without leading or trailing slash; the root is the empty path.

mod ahead;
mod archive;
mod context;
mod digest;
mod download;
mod empty;
mod opened;
mod paths;
mod stage;

pub use ahead::{Look, TOGETHER};
pub use archive::ArchiveTree;
pub use context::{ContextTree, Ignored};
pub use download::DownloadTree;
pub use empty::EmptyTree;
pub use opened::Opened;
pub use paths::{Follow, MAX_LINKS, clean, resolve};
pub use stage::StageTree;

use crate::error::Result;
use rbuild_oci::Digest;
use rbuild_store::layer::{Entry, Node};
use std::collections::BTreeSet;

/// A tree of files, read-only and safe from links that lead out of it.
pub trait Tree: Send + Sync {
    /// How the tree is called in messages, as in "the build context".
    fn name(&self) -> &str;

    /// What is at a path, links not followed; nothing where nothing is, or where it is left out of the tree. The digest
    /// of a file may be unread. A further name of a file is a file.
    fn lookup(&self, path: &[u8]) -> Result<Option<Entry>>;

    /// The sorted names in a directory.
    fn list(&self, directory: &[u8]) -> Result<Vec<Vec<u8>>>;

    /// Everything below a directory but not the directory itself, parents before children, in the order of layers. A
    /// further name of a file may be a hard link to the path of its first name, which may lie outside.
    fn walk(&self, directory: &[u8]) -> Result<Vec<Entry>>;

    /// What [`Tree::walk`] gives, with the data of files read, handed over piece by piece: whoever keeps nothing needs
    /// little memory. The first name of a hard link is in this piece or in one before.
    fn pieces(&self, directory: &[u8], take: &mut dyn FnMut(Vec<Entry>) -> Result<()>) -> Result<()> {
        let mut all = self.walk(directory)?;
        cut_links(self, &mut all)?;
        self.digest_all(&mut all)?;
        take(all)
    }

    /// The data of regular files, in order: their digests, read or remembered. Entries that are no files are left as
    /// they are.
    fn digest_all(&self, entries: &mut [Entry]) -> Result<()>;

    /// The data of a regular file, which may no longer be that of which somebody has read `digest`: see [`Opened::body`].
    fn open(&self, path: &[u8], digest: Digest) -> Result<Opened<'_>>;

    /// Has the data of a regular file read before its turn, where the tree knows how.
    fn read_ahead(&self, path: &[u8]) {
        let _ = path;
    }

    /// Why a path that someone expects is not in the tree, where the tree knows.
    fn why_missing(&self, path: &[u8]) -> Option<String> {
        let _ = path;
        None
    }
}

impl<T: Tree + ?Sized> Tree for &T {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn lookup(&self, path: &[u8]) -> Result<Option<Entry>> {
        (**self).lookup(path)
    }

    fn list(&self, directory: &[u8]) -> Result<Vec<Vec<u8>>> {
        (**self).list(directory)
    }

    fn walk(&self, directory: &[u8]) -> Result<Vec<Entry>> {
        (**self).walk(directory)
    }

    fn pieces(&self, directory: &[u8], take: &mut dyn FnMut(Vec<Entry>) -> Result<()>) -> Result<()> {
        (**self).pieces(directory, take)
    }

    fn digest_all(&self, entries: &mut [Entry]) -> Result<()> {
        (**self).digest_all(entries)
    }

    fn open(&self, path: &[u8], digest: Digest) -> Result<Opened<'_>> {
        (**self).open(path, digest)
    }

    fn read_ahead(&self, path: &[u8]) {
        (**self).read_ahead(path);
    }

    fn why_missing(&self, path: &[u8]) -> Option<String> {
        (**self).why_missing(path)
    }
}

/// Makes files of hard links whose first name is not among the entries.
pub fn cut_links<T: Tree + ?Sized>(tree: &T, entries: &mut [Entry]) -> Result<()> {
    let is_link = |entry: &Entry| matches!(entry.node, Node::HardLink { .. });
    if !entries.iter().any(is_link) {
        return Ok(());
    }
    let taken: BTreeSet<Vec<u8>> =
        entries.iter().filter(|entry| !is_link(entry)).map(|entry| entry.path.clone()).collect();
    for entry in entries {
        if let Node::HardLink { target } = &entry.node
            && !taken.contains(target)
            && let Some(file) = tree.lookup(&entry.path)?
        {
            *entry = file;
        }
    }
    Ok(())
}

//! A stack of layers seen as one tree, by their indexes alone. Knows no file system; what it says is what the stack
//! looks like once unpacked.

use super::entry::Entry;
use super::index::LayerIndex;
use crate::error::Result;
use std::sync::Arc;

/// A stack of layers, lowest first.
#[derive(Clone, Debug, Default)]
pub struct View {
    layers: Vec<Arc<LayerIndex>>,
}

/// An entry and where it is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// The number of the layer in the stack, 0 the lowest.
    pub layer: usize,
    /// The entry: never a whiteout. An implied directory only where no layer names it.
    pub entry: &'a Entry,
}

/// Whether the last component of a path is followed if it is a symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// It is.
    All,
    /// It is not: the link itself is meant.
    AllButLast,
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved<'a> {
    /// The path with no link, `.` or `..` in it. Components past the first missing one are kept as they are.
    pub path: Vec<u8>,
    /// What is there, if anything.
    pub found: Option<Found<'a>>,
}

impl View {
    /// The view of a stack of layers, lowest first.
    pub fn new(layers: Vec<Arc<LayerIndex>>) -> Self {
        Self { layers }
    }

    /// The same with one more layer on top.
    #[must_use]
    pub fn with(&self, layer: Arc<LayerIndex>) -> Self {
        Self { layers: self.layers.iter().cloned().chain([layer]).collect() }
    }

    /// The layers, lowest first.
    pub fn layers(&self) -> &[Arc<LayerIndex>] {
        &self.layers
    }

    /// What is at the path, no link followed.
    pub fn lookup(&self, path: &[u8]) -> Option<Found<'_>> {
        let _ = path;
        todo!()
    }

    /// Where the path leads, as if the stack were the root directory (openat2's RESOLVE_IN_ROOT): absolute links start
    /// at the root, `..` stops there, more than 40 links are refused, and so is a path through what is no directory.
    pub fn resolve(&self, path: &[u8], follow: Follow) -> Result<Resolved<'_>> {
        let _ = (path, follow);
        todo!()
    }

    /// What is right in the directory, sorted by name.
    pub fn list(&self, directory: &[u8]) -> Vec<Found<'_>> {
        let _ = directory;
        todo!()
    }

    /// Everything below the directory (itself left out), in the order of [`super::compare_paths`].
    pub fn walk<'a>(&'a self, directory: &[u8]) -> impl Iterator<Item = Found<'a>> + use<'a> {
        let _ = directory;
        std::iter::empty()
    }

    /// The regular file behind what was found: itself, or the first name of a hard link in its layer.
    pub fn file<'a>(&'a self, found: Found<'a>) -> Option<Found<'a>> {
        let _ = found;
        todo!()
    }

    /// The body of one of the [`super::CARRIED`] files, links followed.
    pub fn read_small(&self, path: &[u8]) -> Option<&[u8]> {
        let _ = path;
        todo!()
    }
}

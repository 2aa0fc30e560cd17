//! The files of an image as one tree, from the indexes and tarballs of its layers; those of a container besides from its
//! own layer. Knows no form of output.

use super::Product;
use crate::assemble::Image;
use crate::error::{Error, Result};
use crate::stack::{Shelf, Stack};
use rbuild_oci::DiffId;
use rbuild_store::layer::{Entry, Found, LayerIndex, Node, View, join_path, show_path};
use rbuild_store::{RootDir, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::sync::Arc;

/// The files of one image.
#[derive(Debug)]
pub(crate) struct Rootfs<'a> {
    store: &'a Store,
    view: View,
    layers: Vec<DiffId>,
    /// Where the data of a further layer on top of these lies, which is not in the store.
    top: Option<RootDir>,
    /// The directory that all of it lies in; empty for none.
    prefix: Vec<u8>,
}

/// A file of the tree.
#[derive(Debug)]
pub(crate) struct Placed<'a> {
    /// What it is. A hard link's target is a file that came before it.
    pub(crate) entry: Entry,
    /// For regular files, where the data is.
    data: Option<Found<'a>>,
}

impl<'a> Rootfs<'a> {
    /// The files of all images, each in a directory of its platform's name, sorted by that, where `split` says so or
    /// says nothing and there is an index. Images that share one directory may have no file in common.
    pub(super) fn all(
        store: &'a Store,
        shelf: &Shelf<'_>,
        product: &Product<'_>,
        split: Option<bool>,
    ) -> Result<Vec<Self>> {
        let split = split.unwrap_or(product.is_index);
        let one = |(image, stack): &(Image, Stack)| {
            let platform = image.manifest.platform.as_ref().filter(|_| split);
            Ok(Self {
                store,
                view: shelf.view(stack)?,
                layers: stack.diff_ids(),
                top: None,
                prefix: platform.map_or_else(String::new, |name| name.to_string().replace('/', "_")).into_bytes(),
            })
        };
        let mut all = product.images.iter().map(one).collect::<Result<Vec<_>>>()?;
        all.sort_by(|a, b| a.prefix.cmp(&b.prefix));
        refuse_overlaps(&all)?;
        Ok(all)
    }

    /// The files of a stack of layers, lowest first.
    pub(crate) fn of(store: &'a Store, view: View, layers: Vec<DiffId>) -> Self {
        Self { store, view, layers, top: None, prefix: Vec::new() }
    }

    /// The same with a layer on top whose files lie in `data`, where they may grow and shrink meanwhile.
    pub(crate) fn with_top(self, index: Arc<LayerIndex>, data: RootDir) -> Self {
        Self { view: self.view.with(index), top: Some(data), ..self }
    }

    /// Everything in it but the root, in the order of layers.
    pub(crate) fn files(&self) -> impl Iterator<Item = Placed<'_>> {
        let prefix = (!self.prefix.is_empty()).then(|| Entry::new(self.prefix.clone(), Node::DIRECTORY, 0o755));
        let mut names = Names::of(&self.view);
        let files = self.view.walk(b"").map(move |found| self.placed(found, &mut names));
        prefix.map(|entry| Placed { entry, data: None }).into_iter().chain(files)
    }

    /// The data of a regular file.
    pub(crate) fn open(&self, file: &Placed<'_>) -> Result<Option<Box<dyn Read + Send>>> {
        file.data.map(|data| self.data(data)).transpose()
    }

    fn data(&self, found: Found<'_>) -> Result<Box<dyn Read + Send>> {
        match (self.layers.get(found.layer), &self.top, &found.entry.node) {
            (Some(layer), _, _) => Ok(self.store.layers().read_file(layer, found.entry)?),
            (None, Some(top), Node::File(data)) => {
                let file = top.open_file(&found.entry.path)?;
                Ok(Box::new(file.chain(io::repeat(0)).take(data.size)))
            }
            _ => Ok(Box::new(io::empty())),
        }
    }

    fn placed<'v>(&self, found: Found<'v>, names: &mut Names<'v>) -> Placed<'v> {
        let (node, data) = match names.node(found) {
            Node::Directory { .. } => (Node::DIRECTORY, None),
            Node::HardLink { target } => (Node::HardLink { target: join_path(&self.prefix, &target) }, None),
            file @ Node::File(_) => (file, Some(Found { entry: names.first(found), ..found })),
            other => (other, None),
        };
        let path = join_path(&self.prefix, &found.entry.path);
        Placed { entry: Entry { path, node, ..found.entry.clone() }, data }
    }
}

/// What two images have in one place can only be a directory.
fn refuse_overlaps(all: &[Rootfs<'_>]) -> Result<()> {
    let mut seen = BTreeMap::new();
    for rootfs in all.iter().filter(|rootfs| all.len() > 1 && rootfs.prefix.is_empty()) {
        for found in rootfs.view.walk(b"") {
            let is_directory = found.entry.node.is_directory();
            let before = seen.insert(&found.entry.path, is_directory);
            if before.is_some_and(|was_directory| !(was_directory && is_directory)) {
                let path = show_path(&found.entry.path);
                let reason = format!("several platforms have {path}: leave platform-split=false out");
                return Err(Error::Usage(reason));
            }
        }
    }
    Ok(())
}

/// Which names of a file are still there: the first of them is the file, the others are links to it, whatever the layer
/// said.
struct Names<'v> {
    view: &'v View,
    /// The layer and its first name of every file with several.
    linked: BTreeSet<(usize, &'v [u8])>,
    /// The first name that was met of each.
    met: BTreeMap<(usize, &'v [u8]), &'v [u8]>,
}

impl<'v> Names<'v> {
    fn of(view: &'v View) -> Self {
        let mut linked = BTreeSet::new();
        for (layer, index) in view.layers().iter().enumerate() {
            linked.extend(index.entries().iter().filter_map(|entry| match &entry.node {
                Node::HardLink { target } => Some((layer, target.as_slice())),
                _ => None,
            }));
        }
        Self { view, linked, met: BTreeMap::new() }
    }

    /// The entry that has the data of what was found.
    fn first(&self, found: Found<'v>) -> &'v Entry {
        self.view.layers()[found.layer].first_name(found.entry).unwrap_or(found.entry)
    }

    /// What is at the path, links renamed to names that are there.
    fn node(&mut self, found: Found<'v>) -> Node {
        let first = self.first(found);
        let file = (found.layer, first.path.as_slice());
        if !self.linked.contains(&file) {
            return first.node.clone();
        }
        if let Some(name) = self.met.get(&file) {
            return Node::HardLink { target: name.to_vec() };
        }
        self.met.insert(file, &found.entry.path);
        first.node.clone()
    }
}

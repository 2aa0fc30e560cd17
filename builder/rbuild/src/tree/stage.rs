//! A stack of layers as a tree, answered from the layers' indexes and tarballs: nothing is unpacked or mounted.

use super::{Opened, Tree};
use crate::error::Result;
use crate::stack::Stack;
use rbuild_oci::{DiffId, Digest};
use rbuild_store::Store;
use rbuild_store::layer::{Entry, Found, Node, View};

/// The files of a stage or an image.
#[derive(Debug)]
pub struct StageTree<'a> {
    store: &'a Store,
    view: View,
    layers: Vec<DiffId>,
}

impl<'a> StageTree<'a> {
    /// The stack and the view of it.
    pub fn new(store: &'a Store, view: View, stack: &Stack) -> Self {
        Self { store, view, layers: stack.storeys().iter().map(|storey| storey.layer.diff_id).collect() }
    }

    /// Whether this is a further name of a file that still has its first name.
    fn links(&self, found: Found<'_>) -> bool {
        let Node::HardLink { target } = &found.entry.node else { return false };
        self.view.lookup(target).is_some_and(|first| Some(first) == self.view.first_name(found))
    }

    /// The entry under its own path, a further name of a file as the file it names.
    fn entry(&self, found: Found<'_>) -> Entry {
        let node = match (&found.entry.node, self.view.first_name(found)) {
            (Node::HardLink { .. }, Some(first)) => first.entry.node.clone(),
            (node, _) => node.clone(),
        };
        Entry { node, ..found.entry.clone() }
    }
}

impl Tree for StageTree<'_> {
    fn name(&self) -> &'static str {
        "the stage"
    }

    fn lookup(&self, path: &[u8]) -> Result<Option<Entry>> {
        Ok(self.view.lookup(path).map(|found| self.entry(found)))
    }

    fn list(&self, directory: &[u8]) -> Result<Vec<Vec<u8>>> {
        Ok(self.view.list(directory).iter().map(|found| found.entry.name().to_vec()).collect())
    }

    fn walk(&self, directory: &[u8]) -> Result<Vec<Entry>> {
        let entry = |found: Found<'_>| if self.links(found) { found.entry.clone() } else { self.entry(found) };
        Ok(self.view.walk(directory).map(entry).collect())
    }

    fn digest_all(&self, _: &mut [Entry]) -> Result<()> {
        Ok(())
    }

    fn open(&self, path: &[u8], _: Digest) -> Result<Opened<'_>> {
        let missing = || rbuild_store::Error::Missing { what: "file", subject: rbuild_store::layer::show_path(path) };
        let found = self.view.lookup(path).ok_or_else(missing)?;
        let file = self.view.file(found).ok_or_else(missing)?;
        Ok(Opened::Data(self.store.layers().read_file(&self.layers[file.layer], file.entry)?))
    }
}

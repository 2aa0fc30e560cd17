//! Writes what a step placed as a layer of the store. Knows where data comes from, not what the step was.

use super::Work;
use super::place::Origin;
use super::places::Placed;
use super::select::relative;
use crate::error::Result;
use crate::tree::{Look, TOGETHER, Tree};
use rbuild_store::layer::{Archive, Body, Entry, Node, View, join_path};
use rbuild_store::{Landed, StoreTarball, StoreWriter};
use std::rc::Rc;
use std::sync::Arc;

/// Where the data of a placed file comes from.
#[derive(Clone)]
pub enum Data<'a> {
    /// The file of a tree that is copied to its place.
    Tree(Rc<Copied<'a>>),
    /// These bytes.
    Bytes(Arc<[u8]>),
    /// A file of an archive.
    Archive(&'a Archive, &'a Entry),
}

/// A file or directory of a tree, and where it is copied to.
pub struct Copied<'a> {
    /// The tree.
    pub tree: &'a dyn Tree,
    /// The path there.
    pub from: Vec<u8>,
    /// The path in the layer.
    pub to: Vec<u8>,
}

impl Copied<'_> {
    /// The entry under the path that it is copied to.
    pub fn placed(&self, mut entry: Entry) -> Entry {
        let place = |path: &[u8]| rebased(path, &self.from, &self.to);
        if let Node::HardLink { target } = &mut entry.node {
            *target = place(target);
        }
        entry.path = place(&entry.path);
        entry
    }

    /// Where in the tree that lies which is copied to `path`: this itself, or something in it.
    fn source(&self, path: &[u8]) -> Vec<u8> {
        rebased(path, &self.to, &self.from)
    }
}

/// The path as far below `to` as it is below `from`.
fn rebased(path: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    match relative(path, from) {
        b"" => to.to_vec(),
        inside => join_path(to, inside),
    }
}

impl Origin for Data<'_> {
    fn moved(self, from: &[u8], to: &[u8]) -> Self {
        match self {
            Data::Tree(copied) => {
                Data::Tree(Rc::new(Copied { tree: copied.tree, from: copied.source(from), to: to.to_vec() }))
            }
            other => other,
        }
    }
}

/// A look at one path of a stack.
pub fn lookup(view: &View) -> impl Fn(&[u8]) -> Result<Option<Entry>> + '_ {
    |path| Ok(view.lookup(path).map(|found| found.entry.clone()))
}

/// Writes entries, in order, as one layer that is then in the store with its index.
pub fn write<'a>(work: &Work<'_>, entries: impl IntoIterator<Item = Placed<Data<'a>>>) -> Result<Landed> {
    let (mut writer, mut entries) = (work.writer()?, entries.into_iter());
    loop {
        let mut some = entries.by_ref().take(TOGETHER).collect::<Vec<_>>().into_iter();
        if some.len() == 0 {
            return land(work, writer.finish()?);
        }
        let mut look = Look::default();
        while let Some(placed) = some.next() {
            add(&mut writer, placed, &mut look, some.as_slice())?;
        }
    }
}

/// Writes one entry; `later` are those that follow it.
fn add(
    writer: &mut StoreWriter,
    (entry, data): Placed<Data<'_>>,
    look: &mut Look,
    later: &[Placed<Data<'_>>],
) -> Result<()> {
    let is_file = matches!(entry.node, Node::File(_));
    match data {
        Some(Data::Tree(copied)) if is_file => {
            let mut opened = copied.tree.open(&copied.source(&entry.path), entry.digest())?;
            if opened.file().is_some_and(|file| look.finds_far(file)) {
                read_ahead(later);
            }
            writer.add(entry, opened.body())?;
        }
        Some(Data::Bytes(bytes)) => writer.add(entry, Body::Bytes(&bytes))?,
        Some(Data::Archive(archive, source)) if is_file => {
            writer.add(entry, Body::Reader(&mut archive.body(source)))?;
        }
        _ => writer.add(entry, Body::None)?,
    }
    Ok(())
}

/// Has those of the entries that are files of trees read before their turn.
fn read_ahead(entries: &[Placed<Data<'_>>]) {
    for (entry, data) in entries {
        if let (Node::File(_), Some(Data::Tree(copied))) = (&entry.node, data) {
            copied.tree.read_ahead(&copied.source(&entry.path));
        }
    }
}

/// Puts a finished layer into the store.
pub fn land(work: &Work<'_>, packed: StoreTarball) -> Result<Landed> {
    Ok(work.ctx.store.layers().land(packed)?)
}

//! Writes what a step placed as a layer of the store. Knows where data comes from, not what the step was.

use super::Work;
use super::place::Origin;
use super::places::Placed;
use super::select::relative;
use crate::error::Result;
use crate::tree::{AT_ONCE, Opened, Tree, read_ahead};
use rbuild_store::layer::{Archive, ArchiveBody, Body, Entry, Node, View, join_path};
use rbuild_store::{Landed, StoreTarball};
use std::fs::File;
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

/// What an entry holds, ready to be read.
enum Ready<'a> {
    /// Nothing: it is no file.
    Nothing,
    /// A file of a tree.
    Opened(Opened<'a>),
    /// These bytes.
    Bytes(Arc<[u8]>),
    /// A file of an archive.
    Archive(ArchiveBody<'a>),
}

impl<'a> Ready<'a> {
    fn of(entry: &Entry, data: Option<Data<'a>>) -> Result<Self> {
        let is_file = matches!(entry.node, Node::File(_));
        Ok(match data {
            Some(Data::Tree(copied)) if is_file => {
                Self::Opened(copied.tree.open(&copied.source(&entry.path), entry.digest())?)
            }
            Some(Data::Bytes(bytes)) => Self::Bytes(bytes),
            Some(Data::Archive(archive, source)) if is_file => Self::Archive(archive.body(source)),
            _ => Self::Nothing,
        })
    }

    /// The file on its disk, where it is one.
    const fn file(&self) -> Option<&File> {
        match self {
            Self::Opened(opened) => opened.file(),
            _ => None,
        }
    }

    fn body(&mut self) -> Body<'_> {
        match self {
            Self::Nothing => Body::None,
            Self::Opened(opened) => opened.body(),
            Self::Bytes(bytes) => Body::Bytes(bytes),
            Self::Archive(body) => Body::Reader(body),
        }
    }
}

/// Writes entries, in order, as one layer that is then in the store with its index.
pub fn write<'a>(work: &Work<'_>, entries: impl IntoIterator<Item = Placed<Data<'a>>>) -> Result<Landed> {
    let (mut writer, mut entries) = (work.writer()?, entries.into_iter());
    loop {
        let some = ready_some(&mut entries)?;
        if some.is_empty() {
            return land(work, writer.finish()?);
        }
        for (entry, mut ready) in some {
            writer.add(entry, ready.body())?;
        }
    }
}

/// The next few entries; of files the kernel reads ahead what it can. One whose data is fetched from elsewhere is the last.
fn ready_some<'a>(entries: &mut impl Iterator<Item = Placed<Data<'a>>>) -> Result<Vec<(Entry, Ready<'a>)>> {
    let mut some = Vec::new();
    for (entry, data) in entries.by_ref().take(AT_ONCE) {
        let ready = Ready::of(&entry, data)?;
        let is_fetched = matches!(ready, Ready::Opened(Opened::Data(_)));
        some.push((entry, ready));
        if is_fetched {
            break;
        }
    }
    read_ahead(&some.iter().filter_map(|(_, ready)| ready.file()).collect::<Vec<_>>());
    Ok(some)
}

/// Puts a finished layer into the store.
pub fn land(work: &Work<'_>, packed: StoreTarball) -> Result<Landed> {
    Ok(work.ctx.store.layers().land(packed)?)
}

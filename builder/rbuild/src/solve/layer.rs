//! Writes what a step placed as a layer of the store. Knows where data comes from, not what the step was.

use super::Work;
use super::places::Placed;
use crate::error::Result;
use crate::tree::Tree;
use rbuild_store::layer::{Archive, Body, Entry, Node, View};
use rbuild_store::{Landed, StoreTarball};
use std::sync::Arc;

/// Where the data of a placed file comes from.
#[derive(Clone)]
pub enum Data<'a> {
    /// The file of a tree at this path.
    Tree(&'a dyn Tree, Box<[u8]>),
    /// These bytes.
    Bytes(Arc<[u8]>),
    /// A file of an archive.
    Archive(&'a Archive, &'a Entry),
}

/// A look at one path of a stack.
pub fn lookup(view: &View) -> impl Fn(&[u8]) -> Result<Option<Entry>> + '_ {
    |path| Ok(view.lookup(path).map(|found| found.entry.clone()))
}

/// Writes entries, in order, as one layer that is then in the store with its index.
pub fn write<'a>(work: &Work<'_>, entries: impl IntoIterator<Item = Placed<Data<'a>>>) -> Result<Landed> {
    let mut writer = work.writer()?;
    for (entry, data) in entries {
        match data {
            Some(Data::Tree(tree, source)) if matches!(entry.node, Node::File(_)) => {
                let mut opened = tree.open(&source, entry.digest())?;
                writer.add(entry, opened.body())?;
            }
            Some(Data::Bytes(bytes)) => writer.add(entry, Body::Bytes(&bytes))?,
            Some(Data::Archive(archive, source)) if matches!(entry.node, Node::File(_)) => {
                writer.add(entry, Body::Reader(&mut archive.body(source)))?;
            }
            _ => writer.add(entry, Body::None)?,
        }
    }
    land(work, writer.finish()?)
}

/// Puts a finished layer into the store.
pub fn land(work: &Work<'_>, packed: StoreTarball) -> Result<Landed> {
    Ok(work.ctx.store.layers().land(packed)?)
}

//! All files of a container in one tarball: those of its image with what it changed, nothing of what is mounted.
//! Nothing is mounted for it either: everything comes from the layers and the container's own.

use super::layer::Layer;
use crate::container::shelf::{Containers, Entry as Container};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::export::{Rootfs, Target, write};
use rbuild_store::RootDir;
use rbuild_store::layer::{Entry, LayerIndex, LayerWriter, Node};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Writes the tarball to `dest`, where `-` is standard output.
pub fn export(ctx: Ctx<'_>, entry: &Container, dest: &Path) -> Result<()> {
    Containers::new(ctx.store).refuse_torn(entry)?;
    let config = &entry.config;
    let target = Target::open(dest, ctx.cancel)?;
    let layer = Layer::open(ctx, config)?;
    let diff_ids = layer.stack().iter().map(|layer| layer.diff).collect();
    let mut rootfs = Rootfs::of(ctx.store, layer.base.clone(), diff_ids);
    if let Some(draft) = &layer.draft {
        let top = index(layer.changes(ctx, config)?)?;
        rootfs = rootfs.with_top(Arc::new(top), RootDir::open(draft.written())?);
    }
    let tarball = LayerWriter::new(target, None, ctx.cancel.clone());
    write(&[rootfs], tarball)?.finish()
}

/// The index of a layer that is not packed. The root is among its entries only if it changed.
fn index(mut entries: Vec<Entry>) -> Result<LayerIndex> {
    if entries.first().is_none_or(|first| !first.path.is_empty()) {
        entries.insert(0, Entry::new("", Node::Directory { opaque: false, implied: true }, 0o755));
    }
    LayerIndex::new(entries, BTreeMap::new())
        .ok_or_else(|| Error::Step("the container's layer is in disorder".to_owned()))
}

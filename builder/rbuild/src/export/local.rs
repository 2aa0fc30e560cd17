//! `type=local`: the files of the image in a directory. As with BuildKit they belong to whoever runs the build, and what
//! is in the directory stays unless the image has something of the same name, which then takes its place, or
//! `mode=delete` sends away all that the image does not have.

use super::place::Tree;
use super::rootfs::Rootfs;
use super::{Exporter, Product};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::request::{Others, Output};
use crate::send::is_stdout;
use crate::stack::Shelf;
use rbuild_oci::Descriptor;
use std::path::Path;

/// The files of an image in a directory.
#[derive(Debug)]
pub(super) struct Local(pub(super) Output);

impl Exporter for Local {
    fn export(&self, ctx: &Ctx<'_>, shelf: &Shelf<'_>, product: &Product<'_>) -> Result<Option<Descriptor>> {
        let Output { dest, split, others, .. } = &self.0;
        if is_stdout(dest) {
            return Err(Error::Usage("a directory cannot go to standard output: use type=tar".to_owned()));
        }
        let images = Rootfs::all(ctx.store, shelf, product, *split)?;
        std::fs::create_dir_all(dest).map_err(Error::io("create directory", dest.display()))?;
        if *others == Others::Go && inside(ctx.store.root(), dest) {
            let reason = format!("mode=delete would remove the store, which is in {}", dest.display());
            return Err(Error::Usage(reason));
        }
        let mut tree = Tree::open(dest, *others, ctx.cancel)?;
        for rootfs in &images {
            for file in rootfs.files() {
                let data = rootfs.open(&file)?;
                tree.put(file.entry, data)?;
            }
        }
        let left_out = tree.finish()?;
        for warning in left_out.warnings() {
            ctx.events.warning(&warning);
        }
        Ok(None)
    }
}

/// Whether a path lies in a directory, or is it.
fn inside(path: &Path, directory: &Path) -> bool {
    match (path.canonicalize(), directory.canonicalize()) {
        (Ok(path), Ok(directory)) => path.starts_with(directory),
        _ => false,
    }
}

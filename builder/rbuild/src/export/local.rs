//! `type=local`: the files of the image in a directory. As with BuildKit they belong to whoever runs the build, and what
//! is in the directory stays unless the image has something of the same name, which then takes its place.

use super::place::Tree;
use super::rootfs::Rootfs;
use super::target::is_stdout;
use super::{Exporter, Product};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::solve::Shelf;
use std::path::PathBuf;

/// The files of an image in a directory.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) dest: PathBuf,
}

impl Exporter for Local {
    fn export(&self, ctx: &Ctx<'_>, shelf: &Shelf<'_>, product: &Product<'_>) -> Result<()> {
        if is_stdout(&self.dest) {
            return Err(Error::Usage("a directory cannot go to standard output: use type=tar".to_owned()));
        }
        let images = Rootfs::all(ctx.store, shelf, product)?;
        std::fs::create_dir_all(&self.dest).map_err(Error::io("create directory", self.dest.display()))?;
        let mut tree = Tree::open(&self.dest, ctx.cancel)?;
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
        Ok(())
    }
}

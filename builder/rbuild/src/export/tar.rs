//! `type=tar`: the files of the image in one archive, with no layers.

use super::rootfs::Rootfs;
use super::{Exporter, Product};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::request::Output;
use crate::send::Target;
use crate::stack::Shelf;
use rbuild_oci::Descriptor;
use rbuild_store::layer::{Body, LayerWriter};
use std::io::Write;

/// The files of an image in an archive.
#[derive(Debug)]
pub(super) struct Tar(pub(super) Output);

impl Exporter for Tar {
    fn export(&self, ctx: &Ctx<'_>, shelf: &Shelf<'_>, product: &Product<'_>) -> Result<Option<Descriptor>> {
        let images = Rootfs::all(ctx.store, shelf, product, self.0.split)?;
        let target = Target::open(&self.0.dest, ctx.cancel)?;
        let written = write(&images, LayerWriter::new(target, None, ctx.cancel.clone()));
        written.or_else(|error| ctx.cancel.check().map_err(Error::from).and(Err(error)))?.finish()?;
        Ok(None)
    }
}

/// Writes all files of the images to an archive, and ends it.
pub(crate) fn write<W: Write + Send + 'static>(images: &[Rootfs<'_>], mut tarball: LayerWriter<W>) -> Result<W> {
    for rootfs in images {
        for file in rootfs.files() {
            match rootfs.open(&file)? {
                Some(mut data) => tarball.add(file.entry, Body::Reader(&mut data))?,
                None => tarball.add(file.entry, Body::None)?,
            }
        }
    }
    Ok(tarball.finish()?.out)
}

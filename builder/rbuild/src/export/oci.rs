//! `type=oci`: an OCI image layout, as an archive or as a directory. A directory that is a layout already keeps its other
//! images.

use super::layout::Layout;
use super::{Exporter, Product, archive};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::request::Output;
use crate::send::{Directory, is_stdout};
use crate::stack::Shelf;
use rbuild_oci::Descriptor;

/// An image layout.
#[derive(Debug)]
pub(super) struct Oci(pub(super) Output);

impl Exporter for Oci {
    fn export(&self, ctx: &Ctx<'_>, _: &Shelf<'_>, product: &Product<'_>) -> Result<Option<Descriptor>> {
        let dest = &self.0.dest;
        if self.0.tar {
            let layout = Layout::of(ctx, product, &self.0)?;
            archive::write(ctx, dest, &layout, &[])?;
            return Ok(Some(layout.target));
        }
        if is_stdout(dest) {
            return Err(Error::Usage("a directory cannot go to standard output: leave tar=false out".to_owned()));
        }
        let directory = Directory::open(dest)?;
        let layout = Layout::of(ctx, product, &self.0)?;
        for blob in layout.blobs.values() {
            directory.blob(&blob.descriptor, ctx.cancel, &mut |out, to| blob.copy(out, to, ctx.cancel))?;
        }
        directory.finish(&layout.entries)?;
        Ok(Some(layout.target))
    }
}

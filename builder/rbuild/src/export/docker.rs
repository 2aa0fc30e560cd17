//! `type=docker`: an archive for `docker load`. As BuildKit writes it, it is an image layout too; `manifest.json` says
//! the same in Docker's words. The request has seen to it that there is one platform.

use super::layout::Layout;
use super::{Exporter, Product, archive, oci};
use crate::ctx::Ctx;
use crate::error::Result;
use crate::request::Output;
use crate::send::DockerImage;
use crate::stack::Shelf;
use rbuild_oci::Descriptor;

/// An archive for `docker load`.
#[derive(Debug)]
pub(super) struct Docker(pub(super) Output);

impl Exporter for Docker {
    fn export(&self, ctx: &Ctx<'_>, shelf: &Shelf<'_>, product: &Product<'_>) -> Result<Option<Descriptor>> {
        if !self.0.tar {
            return oci::Oci(self.0.clone()).export(ctx, shelf, product);
        }
        let layout = Layout::of(ctx, product, &self.0)?;
        let tags = if self.0.names.is_empty() { product.tags } else { &self.0.names };
        let images = layout.manifests.iter().map(|manifest| DockerImage::of(manifest, tags.iter()));
        let images = images.collect::<Result<Vec<_>>>()?;
        archive::write(ctx, &self.0.dest, &layout, &[("manifest.json", DockerImage::list(&images)?)])?;
        Ok(Some(layout.target))
    }
}

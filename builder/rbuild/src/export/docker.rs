//! `type=docker`: an archive for `docker load`. As BuildKit writes it, it is an image layout too; `manifest.json` says
//! the same in Docker's words. The request has seen to it that there is one platform.

use super::layout::Layout;
use super::{Exporter, Product, archive, oci};
use crate::ctx::Ctx;
use crate::error::Result;
use crate::request::Output;
use crate::stack::Shelf;
use rbuild_oci::{Descriptor, Manifest, Reference, to_canonical_json};
use serde::Serialize;

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
        let images: Vec<Image> = layout.manifests.iter().map(|manifest| image(manifest, tags)).collect();
        archive::write(ctx, &self.0.dest, &layout, &[("manifest.json", to_canonical_json(&images)?)])?;
        Ok(Some(layout.target))
    }
}

/// An entry of `manifest.json` (Docker image specification 1.2, "Combined Image JSON + Filesystem Changeset Format").
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

fn image(manifest: &Manifest, tags: &[Reference]) -> Image {
    let path = |blob: &Descriptor| format!("blobs/sha256/{}", blob.digest.hex());
    let tag = |name: &Reference| Some(format!("{}:{}", name.familiar_name(), name.tag()?));
    Image {
        config: path(&manifest.config),
        repo_tags: tags.iter().filter_map(tag).collect(),
        layers: manifest.layers.iter().map(path).collect(),
    }
}

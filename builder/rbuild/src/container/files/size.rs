//! How much a container wrote: the bytes in its new and changed files.

use super::layer::Layer;
use crate::container::model::Config;
use crate::container::show::Size;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::image::Sizes;
use rbuild_store::layer::Node;

/// The size of a container.
pub fn size(ctx: Ctx<'_>, config: &Config) -> Result<Size> {
    let entries = Layer::open(ctx, config)?.changes(ctx, config)?;
    let bytes = |node: &Node| if let Node::File(data) = node { data.size } else { 0 };
    let written = entries.iter().map(|entry| bytes(&entry.node)).sum();
    let sizes = Sizes::new(ctx.store);
    let image: u64 = config.image.layers.iter().map(|layer| sizes.layer(layer)).sum::<Result<u64>>()?;
    Ok(Size { written, whole: written + image })
}

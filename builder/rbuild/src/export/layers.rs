//! Layers as outputs want them: compressed once, kept in the store, found there from then on. Knows no form of output.

use super::blob::{Blob, Source};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::request::{Compression, Output};
use crate::solve::Storey;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use rbuild_oci::{Descriptor, DiffId, MediaType};
use rbuild_store::content::ContentStore;
use rbuild_store::layer::{Codec, Format, LayerRef, Location};
use std::collections::BTreeMap;

/// Layers up to this many bytes are compressed several at once, larger ones each by all processors: either way there is
/// about one piece per processor in memory.
const SMALL: u64 = 1 << 20;

/// How layers are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packing {
    codec: Option<Codec>,
    /// Whether the blob that a layer came in serves, if it is of that format.
    any_level: bool,
}

impl Packing {
    /// What the output asks for.
    pub(super) fn of(output: &Output) -> Result<Self> {
        let codec = match output.compression {
            Compression::Uncompressed => None,
            Compression::Gzip => Some(Codec::new(Format::Gzip, output.level)?),
            Compression::Zstd => Some(Codec::new(Format::Zstd, output.level)?),
        };
        Ok(Self { codec, any_level: output.level.is_none() })
    }
}

/// The blobs of all these layers; those that are not in the store compressed so are compressed now.
pub(super) fn blobs(ctx: &Ctx<'_>, storeys: &[&Storey], packing: Packing) -> Result<BTreeMap<DiffId, Blob>> {
    let layers: BTreeMap<DiffId, &LayerRef> =
        storeys.iter().map(|storey| (storey.layer.diff_id, &storey.layer)).collect();
    let (mut blobs, mut todo) = (BTreeMap::new(), Vec::new());
    for (diff_id, layer) in layers {
        match find(ctx, layer, packing)? {
            Ok(blob) => drop(blobs.insert(diff_id, blob)),
            Err(work) => todo.push(work),
        }
    }
    if !todo.is_empty() {
        let plural = if todo.len() == 1 { "" } else { "s" };
        ctx.events.note(&format!("compressing {} layer{plural}", todo.len()));
    }
    let (small, large): (Vec<Work>, Vec<Work>) = todo.into_iter().partition(|work| work.size <= SMALL);
    let mut done = small.par_iter().map(|work| encode(ctx, work)).collect::<Result<Vec<_>>>()?;
    for work in &large {
        done.push(encode(ctx, work)?);
    }
    blobs.extend(done);
    Ok(blobs)
}

/// A layer to be compressed.
struct Work {
    layer: DiffId,
    size: u64,
    codec: Codec,
}

/// The blob of a layer, or what is to be done for it.
fn find(ctx: &Ctx<'_>, layer: &LayerRef, packing: Packing) -> Result<std::result::Result<Blob, Work>> {
    let Some(codec) = packing.codec else {
        let descriptor = Descriptor::new(MediaType::OCI_LAYER, layer.diff_id.0, size_of(ctx, layer)?);
        return Ok(Ok(Blob { descriptor, source: Source::Stored(ctx.store.content()) }));
    };
    if packing.any_level
        && let Some(blob) = original(ctx, layer, codec)?
    {
        return Ok(Ok(blob));
    }
    match ctx.store.encoded().find(&layer.diff_id, codec)? {
        Some(descriptor) => Ok(Ok(encoded(ctx, layer.diff_id, codec, descriptor))),
        None => Ok(Err(Work { layer: layer.diff_id, size: size_of(ctx, layer)?, codec })),
    }
}

fn size_of(ctx: &Ctx<'_>, layer: &LayerRef) -> Result<u64> {
    ctx.store.content().size(&layer.diff_id.0)?.ok_or_else(|| missing(&layer.diff_id))
}

/// The error for a layer that should be here.
pub(super) fn missing(layer: &DiffId) -> Error {
    rbuild_store::Error::Missing { what: "layer", subject: layer.to_string() }.into()
}

/// The blob that the layer came in, if it is here and of the codec's format.
fn original(ctx: &Ctx<'_>, layer: &LayerRef, codec: Codec) -> Result<Option<Blob>> {
    let came = layer.encodings.iter().find(|encoding| {
        encoding.location == Location::Blob && format_of(&encoding.descriptor.media_type) == Some(codec.format())
    });
    let Some(Descriptor { digest, size, .. }) = came.map(|encoding| &encoding.descriptor) else { return Ok(None) };
    let content = ctx.store.content();
    let whole = content.size(digest)? == Some(*size);
    let descriptor = Descriptor::new(codec.media_type(), *digest, *size);
    Ok(whole.then_some(Blob { descriptor, source: Source::Stored(content) }))
}

fn format_of(media_type: &MediaType) -> Option<Format> {
    match media_type.as_str() {
        MediaType::OCI_LAYER_GZIP | MediaType::DOCKER_LAYER_GZIP => Some(Format::Gzip),
        MediaType::OCI_LAYER_ZSTD | MediaType::DOCKER_LAYER_ZSTD => Some(Format::Zstd),
        _ => None,
    }
}

fn encode(ctx: &Ctx<'_>, work: &Work) -> Result<(DiffId, Blob)> {
    let descriptor = ctx.store.encoded().make(&work.layer, work.codec, ctx.cancel)?;
    Ok((work.layer, encoded(ctx, work.layer, work.codec, descriptor)))
}

fn encoded(ctx: &Ctx<'_>, layer: DiffId, codec: Codec, descriptor: Descriptor) -> Blob {
    Blob { descriptor, source: Source::Encoded(ctx.store.encoded(), layer, codec) }
}

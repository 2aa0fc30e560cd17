//! Layers as outputs want them: compressed once, kept in the store, found there from then on. Knows no form of output.

use super::blob::{Blob, Source};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::request::Output;
use crate::stack::Storey;
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
    /// Which blobs serve that a layer came in.
    originals: Originals,
}

/// Compressed forms of layers that were not made here.
#[derive(Clone, Copy, Debug)]
enum Originals {
    /// All that the media types have a name for, as BuildKit does it.
    All,
    /// Those of gzip: Docker's media types name no other.
    Gzip,
    /// Those of the codec's format, at whichever level.
    Alike,
    /// None.
    None,
}

impl Packing {
    /// What the output asks for.
    pub(super) fn of(output: &Output) -> Result<Self> {
        let originals = match (output.force, output.level) {
            (false, _) if output.oci_media_types => Originals::All,
            (false, _) => Originals::Gzip,
            (true, None) => Originals::Alike,
            (true, Some(_)) => Originals::None,
        };
        Ok(Self { codec: output.codec()?, originals })
    }

    /// Whether a blob of that format serves.
    fn takes(&self, format: Format) -> bool {
        match self.originals {
            Originals::All => true,
            Originals::Gzip => format == Format::Gzip,
            Originals::Alike => self.codec.is_some_and(|codec| codec.format() == format),
            Originals::None => false,
        }
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
    if let Some(blob) = original(ctx, layer, packing)? {
        return Ok(Ok(blob));
    }
    let Some(codec) = packing.codec else {
        let descriptor = Descriptor::new(MediaType::OCI_LAYER, layer.diff_id.0, size_of(ctx, layer)?);
        return Ok(Ok(Blob { descriptor, source: Source::Stored(ctx.store.content()) }));
    };
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

/// The blob that the layer came in, if it is here and serves.
fn original(ctx: &Ctx<'_>, layer: &LayerRef, packing: Packing) -> Result<Option<Blob>> {
    for encoding in layer.encodings.iter().filter(|encoding| encoding.location == Location::Blob) {
        let Descriptor { digest, size, .. } = encoding.descriptor;
        let Some(format) = format_of(&encoding.descriptor.media_type).filter(|format| packing.takes(*format)) else {
            continue;
        };
        if ctx.store.content().size(&digest)? == Some(size) {
            let descriptor = Descriptor::new(format.media_type(), digest, size);
            return Ok(Some(Blob { descriptor, source: Source::Stored(ctx.store.content()) }));
        }
    }
    Ok(None)
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

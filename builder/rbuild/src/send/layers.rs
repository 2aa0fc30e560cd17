//! Layers as outputs want them: compressed once, kept in the store, found there from then on. Knows no form of output.

pub(crate) use super::blob::Blob;
use super::blob::Source;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::request::Output;
use crate::stack::Storey;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use rbuild_oci::{Cancel, Descriptor, DiffId, MediaType};
use rbuild_store::Store;
use rbuild_store::content::ContentStore;
use rbuild_store::layer::{Codec, Format, LayerRef};
use std::collections::BTreeMap;

/// Layers up to this many bytes are compressed several at once, larger ones each by all processors: either way there is
/// about one piece per processor in memory.
const SMALL: u64 = 1 << 20;

/// How layers are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packing {
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
    pub(crate) fn of(output: &Output) -> Result<Self> {
        let originals = match (output.force, output.level) {
            (false, _) if output.oci_media_types => Originals::All,
            (false, _) => Originals::Gzip,
            (true, None) => Originals::Alike,
            (true, Some(_)) => Originals::None,
        };
        Ok(Self { codec: output.codec()?, originals })
    }

    /// By that codec, none for not at all; with `force` also what came compressed in another way.
    pub(crate) const fn by(codec: Option<Codec>, force: bool) -> Self {
        Self { codec, originals: if force { Originals::Alike } else { Originals::All } }
    }

    /// Whether layers are wanted compressed.
    pub(crate) const fn compresses(&self) -> bool {
        self.codec.is_some()
    }

    /// What layers are compressed by.
    pub(crate) const fn codec(&self) -> Option<Codec> {
        self.codec
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
pub(crate) fn blobs(ctx: &Ctx<'_>, storeys: &[&Storey], packing: Packing) -> Result<BTreeMap<DiffId, Blob>> {
    let layers: BTreeMap<DiffId, &LayerRef> =
        storeys.iter().map(|storey| (storey.layer.diff_id, &storey.layer)).collect();
    let (mut blobs, mut todo) = (BTreeMap::new(), Vec::new());
    for (diff_id, layer) in layers {
        match find(ctx.store, layer, packing)? {
            Ok(blob) => drop(blobs.insert(diff_id, blob)),
            Err(work) => todo.push(work),
        }
    }
    if !todo.is_empty() {
        let plural = if todo.len() == 1 { "" } else { "s" };
        ctx.events.note(&format!("compressing {} layer{plural}", todo.len()));
    }
    let (small, large): (Vec<Work>, Vec<Work>) = todo.into_iter().partition(|work| work.size <= SMALL);
    let encode = |work: &Work| Ok((work.layer, encode(ctx.store, ctx.cancel, work)?));
    let mut done = small.par_iter().map(encode).collect::<Result<Vec<_>>>()?;
    for work in &large {
        done.push(encode(work)?);
    }
    blobs.extend(done);
    Ok(blobs)
}

/// The blob of one layer of the store; compressed now, by all processors, if it is not yet.
pub(crate) fn ready(store: &Store, cancel: &Cancel, layer: &DiffId, packing: Packing) -> Result<Blob> {
    let layer = store.layers().known(layer)?.ok_or_else(|| missing(layer))?;
    find(store, &layer, packing)?.or_else(|work| encode(store, cancel, &work))
}

/// A layer to be compressed.
struct Work {
    layer: DiffId,
    size: u64,
    codec: Codec,
}

/// The blob of a layer, or what is to be done for it.
fn find(store: &Store, layer: &LayerRef, packing: Packing) -> Result<std::result::Result<Blob, Work>> {
    if let Some(blob) = original(store, &layer.diff_id, packing)? {
        return Ok(Ok(blob));
    }
    if !store.layers().has(&layer.diff_id)? {
        if let Some(blob) = far(store, &layer.diff_id, packing)? {
            return Ok(Ok(blob));
        }
        store.layers().bring(&[layer.diff_id])?;
    }
    let Some(codec) = packing.codec else {
        let descriptor = Descriptor::new(MediaType::OCI_LAYER, layer.diff_id.0, size_of(store, layer)?);
        return Ok(Ok(Blob { descriptor, source: Source::Stored(store.content()) }));
    };
    match store.encoded().find(&layer.diff_id, codec)? {
        Some(descriptor) => Ok(Ok(encoded(store, layer.diff_id, codec, descriptor))),
        None => Ok(Err(Work { layer: layer.diff_id, size: size_of(store, layer)?, codec })),
    }
}

fn size_of(store: &Store, layer: &LayerRef) -> Result<u64> {
    store.content().size(&layer.diff_id.0)?.ok_or_else(|| missing(&layer.diff_id))
}

/// The error for a layer that should be here.
pub(crate) fn missing(layer: &DiffId) -> Error {
    rbuild_store::Error::Missing { what: "layer", subject: layer.to_string() }.into()
}

/// The blob that the layer came in, if it is here and serves.
fn original(store: &Store, layer: &DiffId, packing: Packing) -> Result<Option<Blob>> {
    let Some(Descriptor { media_type, digest, size, .. }) = store.encoded().origin(layer)? else { return Ok(None) };
    let Some(format) = format_of(&media_type).filter(|format| packing.takes(*format)) else { return Ok(None) };
    if store.content().size(&digest)? != Some(size) {
        return Ok(None);
    }
    let descriptor = Descriptor::new(format.media_type(), digest, size);
    Ok(Some(Blob { descriptor, source: Source::Stored(store.content()) }))
}

/// The blob that a layer of the store was brought from, if it serves where that blob is, without being sent.
pub(super) fn there(store: &Store, layer: &DiffId, packing: Packing) -> Result<Option<Blob>> {
    let found = if store.layers().has(layer)? { far(store, layer, packing)? } else { None };
    Ok(found.map(|blob| Blob { source: Source::There, ..blob }))
}

/// A blob of a layer that is elsewhere, if it serves.
fn far(store: &Store, layer: &DiffId, packing: Packing) -> Result<Option<Blob>> {
    for far in store.layers().far(layer)?.unwrap_or_default().blobs {
        if let Some(format) = format_of(&far.blob.media_type).filter(|format| packing.takes(*format)) {
            let descriptor = Descriptor::new(format.media_type(), far.blob.digest, far.blob.size);
            return Ok(Some(Blob { descriptor, source: Source::Far(store.layers(), *layer, Box::new(far)) }));
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

fn encode(store: &Store, cancel: &Cancel, work: &Work) -> Result<Blob> {
    let descriptor = store.encoded().make(&work.layer, work.codec, cancel)?;
    Ok(encoded(store, work.layer, work.codec, descriptor))
}

fn encoded(store: &Store, layer: DiffId, codec: Codec, descriptor: Descriptor) -> Blob {
    Blob { descriptor, source: Source::Encoded(store.encoded(), layer, codec) }
}

//! Layers as outputs want them: compressed once, kept in the store, found there from then on. Knows no form of output.
//!
//! A compressed layer lies at [`rbuild_store::Store::encoded_path`] under [`Codec::key`], its descriptor beside it under
//! the same name and `.json`. Either may vanish at any time: the layer is then compressed again, to the same bytes.

use super::blob::{Blob, Source};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::request::Output;
use crate::solve::Storey;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use rbuild_oci::{Descriptor, DiffId, Hasher, MediaType};
use rbuild_store::layer::{Codec, Format, LayerRef, Location, compress};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

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
    if let Some(blob) = original(ctx, layer, packing) {
        return Ok(Ok(blob));
    }
    let path = ctx.store.blob_path(&layer.diff_id.0);
    let Some(codec) = packing.codec else {
        let size = size_of(&path, layer)?;
        let descriptor = Descriptor::new(MediaType::OCI_LAYER, layer.diff_id.0, size);
        return Ok(Ok(Blob { descriptor, source: Source::Stored(path) }));
    };
    match kept(ctx, &layer.diff_id, codec)? {
        Some(blob) => Ok(Ok(blob)),
        None => Ok(Err(Work { layer: layer.diff_id, size: size_of(&path, layer)?, codec })),
    }
}

fn size_of(path: &Path, layer: &LayerRef) -> Result<u64> {
    match path.metadata() {
        Ok(there) => Ok(there.len()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(missing(&layer.diff_id)),
        Err(error) => Err(Error::io("stat", path.display())(error)),
    }
}

/// The error for a layer that should be here.
pub(super) fn missing(layer: &DiffId) -> Error {
    rbuild_store::Error::Missing { what: "layer", subject: layer.to_string() }.into()
}

/// The blob that the layer came in, if it is here and serves.
fn original(ctx: &Ctx<'_>, layer: &LayerRef, packing: Packing) -> Option<Blob> {
    layer.encodings.iter().filter(|encoding| encoding.location == Location::Blob).find_map(|encoding| {
        let format = format_of(&encoding.descriptor.media_type).filter(|format| packing.takes(*format))?;
        let path = ctx.store.blob_path(&encoding.descriptor.digest);
        let Descriptor { digest, size, .. } = encoding.descriptor;
        let whole = path.metadata().is_ok_and(|there| there.len() == size);
        let descriptor = Descriptor::new(format.media_type(), digest, size);
        whole.then_some(Blob { descriptor, source: Source::Stored(path) })
    })
}

fn format_of(media_type: &MediaType) -> Option<Format> {
    match media_type.as_str() {
        MediaType::OCI_LAYER_GZIP | MediaType::DOCKER_LAYER_GZIP => Some(Format::Gzip),
        MediaType::OCI_LAYER_ZSTD | MediaType::DOCKER_LAYER_ZSTD => Some(Format::Zstd),
        _ => None,
    }
}

/// Where a compressed layer and its descriptor are.
fn places(ctx: &Ctx<'_>, layer: &DiffId, codec: Codec) -> (PathBuf, PathBuf) {
    let key = codec.key();
    (ctx.store.encoded_path(layer, &key), ctx.store.encoded_path(layer, &format!("{key}.json")))
}

/// The layer as it was compressed before.
fn kept(ctx: &Ctx<'_>, layer: &DiffId, codec: Codec) -> Result<Option<Blob>> {
    let (path, note) = places(ctx, layer, codec);
    let bytes = match std::fs::read(&note) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", note.display())(error)),
    };
    let Ok(descriptor) = serde_json::from_slice::<Descriptor>(&bytes) else { return Ok(None) };
    let whole = path.metadata().is_ok_and(|there| there.len() == descriptor.size);
    Ok(whole.then_some(Blob { descriptor, source: Source::Cached(path) }))
}

fn encode(ctx: &Ctx<'_>, work: &Work) -> Result<(DiffId, Blob)> {
    let source = ctx.store.blob_path(&work.layer.0);
    let file = File::open(&source).map_err(Error::io("open", source.display()))?;
    let mut plain = Hashed { file, hasher: Hasher::new() };
    let out = ctx.store.tmp_file()?;
    let descriptor = compress(&mut plain, work.codec, &mut out.file(), ctx.cancel)?;
    let found = DiffId(plain.hasher.finish());
    if found != work.layer {
        let reason = format!("its tarball has the digest {found}");
        return Err(rbuild_store::Error::Corrupt { what: "layer", subject: work.layer.to_string(), reason }.into());
    }
    let (path, note) = places(ctx, &work.layer, work.codec);
    out.persist(&path)?;
    let text = ctx.store.tmp_file()?;
    text.file().write_all(&rbuild_oci::to_canonical_json(&descriptor)?).map_err(Error::io("write", note.display()))?;
    text.persist(&note)?;
    Ok((work.layer, Blob { descriptor, source: Source::Cached(path) }))
}

struct Hashed {
    file: File,
    hasher: Hasher,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

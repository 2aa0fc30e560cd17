//! The way of an image: its documents are read, its blobs sent, then the documents that name them, manifests before the
//! index, then the names. Knows neither the place that it comes from nor the one that it goes to.

use super::{Freight, Placed, Repack, Sink};
use crate::error::{Error, Result};
use crate::import::{Blobs, required_document};
use rbuild_oci::{
    Cancel, Descriptor, DiffId, Digest, ImageConfig, Index, Manifest, MediaType, Reference, to_canonical_json,
};
use std::collections::BTreeMap;

/// Told of each blob once it is in its place, and as what it was sent; from several threads.
pub type Told<'a> = dyn Fn(&Freight, &Descriptor, &Placed) + Sync + 'a;

/// Indexes within each other; those of images have one.
const DEPTH: usize = 8;

/// What the documents of an image may have in bytes, each counted as often as it is listed, and what each counts at least:
/// a few small indexes that list each other many times over would be walked for ever.
const MOST: u64 = 64 << 20;
const LEAST: u64 = 64 << 10;

/// How an image is sent.
#[derive(Clone, Copy)]
pub struct Walk<'a> {
    /// Where its content is.
    pub from: &'a dyn Blobs,
    /// Where it goes.
    pub to: &'a dyn Sink,
    /// What its layers become.
    pub repack: &'a dyn Repack,
    /// Blobs at once; with one, they come in the order of the manifest, the configuration last.
    pub at_once: usize,
    /// The request to stop.
    pub cancel: &'a Cancel,
    /// Who is told.
    pub told: &'a Told<'a>,
}

impl Walk<'_> {
    /// Sends the manifest or index behind `target` with all that it names, and lets `names` stand for it. Gives what was
    /// sent: `target` itself, unless layers were packed anew. No document is sent before all blobs are in their place.
    pub fn send(&self, target: &Descriptor, names: &[Reference]) -> Result<Descriptor> {
        let mut blobs = Load::default();
        let node = self.read(target, &mut blobs, 0)?;
        let sent = self.carry(&blobs.freight)?;
        let (document, bytes) = self.publish(node, &sent)?;
        for name in names {
            self.to.name(&document, &bytes, name)?;
        }
        Ok(document)
    }

    /// Reads the documents from `target` down, and notes the blobs that they name.
    fn read(&self, target: &Descriptor, blobs: &mut Load, depth: usize) -> Result<Node> {
        self.cancel.check()?;
        blobs.documents += target.size.max(LEAST);
        if blobs.documents > MOST {
            let reason = format!("{} in {}: too many documents are listed", target.digest, self.from.place());
            return Err(Error::Usage(reason));
        }
        let bytes = required_document(self.from, target)?;
        let (descriptor, parts) = (target.clone(), Vec::new());
        if !target.media_type.is_index() {
            let manifest = Manifest::from_json(&bytes)?;
            let layers = self.layers(&manifest)?;
            let anew = layers.as_ref().is_some_and(|layers| self.repack.applies(&manifest, layers));
            let at = blobs.add_image(&manifest, layers.as_deref(), anew);
            return Ok(Node { descriptor, bytes, parts, image: Some((manifest, at)) });
        }
        if depth == DEPTH {
            return Err(Error::Usage(format!("{} in {}: more than {DEPTH} indexes", target.digest, self.from.place())));
        }
        let entries = Index::from_json(&bytes)?.manifests;
        let parts = entries.iter().map(|entry| self.read(entry, blobs, depth + 1)).collect::<Result<_>>()?;
        Ok(Node { descriptor, bytes, parts, image: None })
    }

    /// The ids of a manifest's layers, where it is that of an image.
    fn layers(&self, manifest: &Manifest) -> Result<Option<Vec<DiffId>>> {
        if !matches!(manifest.config.media_type.as_str(), MediaType::OCI_CONFIG | MediaType::DOCKER_CONFIG) {
            return Ok(None);
        }
        let bytes = required_document(self.from, &manifest.config)?;
        let ids = ImageConfig::from_json(&bytes)?.rootfs.diff_ids;
        Ok((ids.len() == manifest.layers.len()).then_some(ids))
    }

    /// Sends a document after those that it names; what layers became is written into it.
    fn publish(&self, node: Node, sent: &[Descriptor]) -> Result<(Descriptor, Vec<u8>)> {
        let Node { mut descriptor, mut bytes, parts, image } = node;
        let changed = match image {
            Some((manifest, places)) => relayered(manifest, &places, sent)?,
            None => self.publish_parts(&bytes, parts, sent)?,
        };
        if let Some((media_type, changed)) = changed {
            let (digest, size) = (Digest::of(&changed), changed.len() as u64);
            descriptor = Descriptor { media_type: media_type.into(), digest, size, ..descriptor };
            bytes = changed;
        }
        self.to.document(&descriptor, &bytes)?;
        Ok((descriptor, bytes))
    }

    /// Sends what an index names; the index anew where that changed.
    fn publish_parts(&self, bytes: &[u8], parts: Vec<Node>, sent: &[Descriptor]) -> Result<Option<Document>> {
        let manifests =
            parts.into_iter().map(|part| Ok(self.publish(part, sent)?.0)).collect::<Result<Vec<Descriptor>>>()?;
        let index = Index::from_json(bytes)?;
        if manifests == index.manifests {
            return Ok(None);
        }
        let media_type = Some(MediaType::OCI_INDEX.into());
        Ok(Some((MediaType::OCI_INDEX, to_canonical_json(&Index { media_type, manifests, ..index })?)))
    }
}

/// A document that was written anew: its media type, which is OCI's, and its bytes.
type Document = (&'static str, Vec<u8>);

/// A document, and what it names.
struct Node {
    descriptor: Descriptor,
    bytes: Vec<u8>,
    /// Of an index.
    parts: Vec<Node>,
    /// Of a manifest: where each of its layers is among the blobs.
    image: Option<(Manifest, Vec<Option<usize>>)>,
}

/// The blobs of an image, each once.
#[derive(Default)]
struct Load {
    freight: Vec<Freight>,
    places: BTreeMap<(Digest, bool), usize>,
    /// What was read of documents so far, in bytes.
    documents: u64,
}

impl Load {
    /// Notes the blobs of a manifest, and says where its layers are. Foreign ones are left out: whoever wants them gets
    /// them from their own address (OCI image specification, "Non-distributable Layers").
    fn add_image(&mut self, manifest: &Manifest, ids: Option<&[DiffId]>, anew: bool) -> Vec<Option<usize>> {
        let layer = |(at, blob): (usize, &Descriptor)| {
            let layer = ids.and_then(|ids| ids.get(at).copied());
            (!blob.media_type.is_foreign_layer()).then(|| self.add(Freight { blob: blob.clone(), layer, anew }))
        };
        let places = manifest.layers.iter().enumerate().map(layer).collect();
        self.add(Freight { blob: manifest.config.clone(), layer: None, anew: false });
        places
    }

    fn add(&mut self, piece: Freight) -> usize {
        let next = self.freight.len();
        let at = *self.places.entry((piece.blob.digest, piece.anew)).or_insert(next);
        if at == next {
            self.freight.push(piece);
        }
        at
    }
}

/// The manifest with the blobs that were sent for its layers; nothing where they are those that it names.
fn relayered(manifest: Manifest, places: &[Option<usize>], sent: &[Descriptor]) -> Result<Option<Document>> {
    let now = |(named, at): (&Descriptor, &Option<usize>)| {
        let sent = at.and_then(|at| sent.get(at)).filter(|sent| sent.digest != named.digest);
        let annotations = named.annotations.clone();
        sent.map_or_else(|| named.clone(), |sent| Descriptor { annotations, ..sent.clone() })
    };
    let layers: Vec<Descriptor> = manifest.layers.iter().zip(places).map(now).collect();
    if layers == manifest.layers {
        return Ok(None);
    }
    let config = Descriptor { media_type: MediaType::OCI_CONFIG.into(), ..manifest.config };
    let media_type = Some(MediaType::OCI_MANIFEST.into());
    Ok(Some((MediaType::OCI_MANIFEST, to_canonical_json(&Manifest { media_type, config, layers, ..manifest })?)))
}

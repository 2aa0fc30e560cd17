//! `type=image` and `type=registry`: the image as it is in the store, and, where it is pushed, in the registries of its
//! names. Layers are sent as they are compressed; documents follow once all of them are there.

use super::layout::Layout;
use super::{Exporter, Product};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::import::{Blobs, place_of, reference_of};
use crate::request::Output;
use crate::send::{AsTheyAre, Blob, Freight, Origins, Packing, Press, Repository, Sink, Walk};
use crate::stack::Shelf;
use rbuild_oci::{Descriptor, DiffId, MediaType, Reference};
use rbuild_registry::{Client, Config};
use rbuild_store::FarBlob;
use std::collections::BTreeMap;
use std::io::Read;

/// An image of registries.
#[derive(Debug)]
pub(super) struct Registry {
    /// How it is written.
    pub(super) output: Output,
    /// The way there.
    pub(super) client: Client,
}

impl Exporter for Registry {
    fn export(&self, ctx: &Ctx<'_>, _: &Shelf<'_>, product: &Product<'_>) -> Result<Option<Descriptor>> {
        if !self.output.push {
            return Ok(None);
        }
        let names = if self.output.names.is_empty() { product.tags } else { &self.output.names };
        let mut repositories: BTreeMap<String, Vec<Reference>> = BTreeMap::new();
        for name in names {
            repositories.entry(name.full_name()).or_default().push(name.clone());
        }
        let mut exported = None;
        let mut sent: Vec<(Reference, Vec<Descriptor>)> = Vec::new();
        for names in repositories.values() {
            let (target, layers) = self.push(ctx, product, names, &sent)?;
            sent.extend(names.first().map(|name| (name.clone(), layers)));
            exported = Some(target);
        }
        Ok(exported)
    }
}

impl Registry {
    /// Pushes to the one repository of these names, after others got those layers; gives what is there now, and its
    /// layers.
    fn push(
        &self,
        ctx: &Ctx<'_>,
        product: &Product<'_>,
        names: &[Reference],
        sent: &[(Reference, Vec<Descriptor>)],
    ) -> Result<(Descriptor, Vec<Descriptor>)> {
        let Some(first) = names.first() else { return Err(Error::Usage("an image without a name".to_owned())) };
        let packing = Packing::of(&self.output)?;
        let mut origins = Origins::of(ctx.store, first, packing.codec())?;
        for (name, layers) in sent.iter().filter(|(name, _)| name.registry() == first.registry()) {
            origins.add(layers, name.repository());
        }
        let freight = freight(product);
        for far in freight.iter().filter_map(|piece| ctx.store.layers().far(&piece.layer?).transpose()) {
            for FarBlob { place, blob, .. } in far?.blobs {
                let from = reference_of(&place).filter(|from| from.registry() == first.registry());
                if let Some(from) = from.filter(|from| from.repository() != first.repository()) {
                    origins.add(&[blob], from.repository());
                }
            }
        }
        let client = self.client_for(first, ctx);
        let press = Press::new(ctx.store, ctx.cancel, packing, self.output.force);
        ctx.events.note(&format!("pushing to {}", first.familiar_name()));
        let to = Repository::new(&client, first, origins);
        let walk = Walk {
            from: &Nothing,
            to: &to,
            repack: &press,
            at_once: client.uploads()?.at_once,
            cancel: ctx.cancel,
            told: &|_, _, _| {},
        };
        let layers = walk.carry(&freight)?;
        note_places(ctx, &freight, &layers, first)?;
        let layout = Layout::with(&packed(&press, &freight)?, product, &self.output)?;
        let wanted = if self.output.by_digest { &[][..] } else { names };
        let walk = Walk { from: &layout, repack: &AsTheyAre, ..walk };
        let target = walk.send(&layout.target, wanted)?;
        for name in wanted {
            ctx.events.note(&format!("pushed {}: digest: {} size: {}", name.familiar(), target.digest, target.size));
        }
        if self.output.by_digest {
            ctx.events.note(&format!("pushed {}@{}", first.familiar_name(), target.digest));
        }
        Box::new(to).finish()?;
        Ok((layout.target, layers))
    }

    fn client_for(&self, name: &Reference, ctx: &Ctx<'_>) -> Client {
        if !self.output.insecure {
            return self.client.clone();
        }
        let mut config: Config = self.client.config().clone();
        config.insecure.insert(name.registry().to_owned());
        Client::new(config, ctx.cancel)
    }
}

/// The layers of a product, each once.
fn freight(product: &Product<'_>) -> Vec<Freight> {
    let mut layers: BTreeMap<DiffId, u64> = BTreeMap::new();
    let mut freight = Vec::new();
    for storey in product.images.iter().flat_map(|(_, stack)| stack.storeys()) {
        let (layer, size) = (storey.layer.diff_id, storey.layer.size.unwrap_or_default());
        if layers.insert(layer, size).is_none() {
            let blob = Descriptor::new(MediaType::OCI_LAYER, layer.0, size);
            freight.push(Freight { blob, layer: Some(layer), anew: true });
        }
    }
    freight
}

/// Notes that a repository has them now, for those layers that are not here.
fn note_places(ctx: &Ctx<'_>, freight: &[Freight], sent: &[Descriptor], name: &Reference) -> Result<()> {
    let layers = ctx.store.layers();
    for (piece, blob) in freight.iter().zip(sent) {
        if let Some(layer) = piece.layer
            && !layers.has(&layer)?
        {
            let size = (piece.blob.size > 0).then_some(piece.blob.size);
            layers.note_far(&layer, size, &FarBlob { place: place_of(name), blob: blob.clone(), index: None })?;
        }
    }
    Ok(())
}

/// The blobs that layers went out as.
fn packed(press: &Press<'_>, freight: &[Freight]) -> Result<BTreeMap<DiffId, Blob>> {
    let layers = freight.iter().filter_map(|piece| Some((piece, piece.layer?)));
    layers.map(|(piece, layer)| Ok((layer, press.blob(&piece.blob, &layer)?))).collect()
}

/// No content: layers are made ready by whoever packs them.
#[derive(Debug)]
struct Nothing;

impl Blobs for Nothing {
    fn open(&self, _: &Descriptor) -> Result<Option<Box<dyn Read + Send + '_>>> {
        Ok(None)
    }

    fn place(&self) -> String {
        "the build".to_owned()
    }
}

impl Blobs for Layout {
    fn open(&self, blob: &Descriptor) -> Result<Option<Box<dyn Read + Send + '_>>> {
        let Some(found) = self.blobs.get(&blob.digest) else { return Ok(None) };
        Ok(Some(found.open()?))
    }

    fn place(&self) -> String {
        "the build".to_owned()
    }
}

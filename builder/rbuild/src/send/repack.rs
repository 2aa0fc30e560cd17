//! What layers become on their way out. Knows no place.

use super::Open;
use crate::error::Result;
use rbuild_oci::{Descriptor, DiffId, Manifest};

/// Packs layers anew on their way.
pub trait Repack: Send + Sync {
    /// Whether the layers of this manifest are packed anew, which changes its digest; `layers` are their ids.
    fn applies(&self, manifest: &Manifest, layers: &[DiffId]) -> bool;

    /// The blob to send for a layer that `blob` holds, made now where it has to be made. Called from several threads at
    /// once, only where [`Repack::applies`].
    fn layer(&self, blob: &Descriptor, layer: &DiffId) -> Result<Packed<'_>>;

    /// Told that a layer could not be sent: what was made for it and is damaged is forgotten. Whether [`Repack::layer`] has
    /// another blob for it now.
    fn failed(&self, blob: &Descriptor, layer: &DiffId) -> bool;
}

/// A layer's blob on its way.
pub struct Packed<'a> {
    /// What it is.
    pub blob: Descriptor,
    /// Opens it.
    pub open: Box<Open<'a>>,
}

/// Every blob stays what it is, so that every digest does.
#[derive(Clone, Copy, Debug)]
pub struct AsTheyAre;

impl Repack for AsTheyAre {
    fn applies(&self, _: &Manifest, _: &[DiffId]) -> bool {
        false
    }

    fn layer(&self, _: &Descriptor, layer: &DiffId) -> Result<Packed<'_>> {
        Err(rbuild_store::Error::Missing { what: "other form of the layer", subject: layer.to_string() }.into())
    }

    fn failed(&self, _: &Descriptor, _: &DiffId) -> bool {
        false
    }
}

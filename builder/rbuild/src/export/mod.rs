//! What a build made, written somewhere else: one file per kind of output, and what they share. Knows neither steps
//! nor the Dockerfile; everything comes from layers in the store and their indexes, so nothing is mounted or unpacked.

mod archive;
mod cacheonly;
mod docker;
mod layout;
mod local;
mod oci;
mod place;
mod registry;
mod rootfs;
mod tar;

#[cfg(test)]
mod tests;

pub(crate) use crate::send::Target;
pub(crate) use rootfs::Rootfs;
pub(crate) use tar::write;

use crate::assemble::Image;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::request::{Notes, Output, OutputKind};
use crate::stack::{Shelf, Stack};
use rbuild_oci::{Descriptor, Reference};
use rbuild_registry::Client;

/// What a build made.
#[derive(Clone, Copy, Debug)]
pub struct Product<'a> {
    /// The images, one for each platform, each with its layers; never empty.
    pub images: &'a [(Image, Stack)],
    /// Whether they come as an index; always, where there are several.
    pub is_index: bool,
    /// Their names.
    pub tags: &'a [Reference],
    /// Their annotations; those of manifests are in the images already.
    pub notes: &'a Notes,
}

/// Writes what a build made in one form.
pub trait Exporter: Send + Sync {
    /// Writes it. Archives appear under their name once they are whole; nothing is left of one that fails. Gives what
    /// points at the manifest or index that was written, where one was.
    fn export(&self, ctx: &Ctx<'_>, shelf: &Shelf<'_>, product: &Product<'_>) -> Result<Option<Descriptor>>;
}

/// The exporter for an output; `client` is the way to registries.
pub fn exporter(output: &Output, client: &Client) -> Box<dyn Exporter> {
    match output.kind {
        OutputKind::Oci => Box::new(oci::Oci(output.clone())),
        OutputKind::Docker => Box::new(docker::Docker(output.clone())),
        OutputKind::Local => Box::new(local::Local(output.clone())),
        OutputKind::Tar => Box::new(tar::Tar(output.clone())),
        OutputKind::CacheOnly => Box::new(cacheonly::CacheOnly),
        OutputKind::Image => Box::new(registry::Registry { output: output.clone(), client: client.clone() }),
    }
}

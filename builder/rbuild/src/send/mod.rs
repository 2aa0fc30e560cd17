//! Images on their way out: from where their content is ([`Blobs`](crate::import::Blobs)) to a place that takes images.
//! One file a kind of place, and the way through an image that all share. Knows no command line.

mod archive;
mod blob;
mod carry;
mod contents;
mod dir;
mod layers;
mod layout;
mod origins;
mod pour;
mod press;
mod registry;
mod repack;
mod tarball;
mod target;
#[cfg(test)]
mod tests;
mod walk;

pub use archive::{Archive, ArchiveForm};
pub(crate) use blob::{Blob, copy};
pub(crate) use contents::{DockerImage, named};
pub use dir::TransportDir;
pub(crate) use layers::{Packing, blobs, missing, ready};
pub(crate) use layout::Directory;
pub use layout::LayoutDir;
pub use origins::Origins;
pub use press::Press;
pub use registry::Repository;
pub use repack::{AsTheyAre, Packed, Repack};
pub(crate) use tarball::Tarball;
pub(crate) use target::{Target, is_stdout};
pub use walk::{Told, Walk};

use crate::error::Result;
use rbuild_oci::{Descriptor, DiffId, Reference};
use std::io::Read;

/// Opens a blob's content at its beginning, once for each attempt to put it somewhere. What it gives is not verified:
/// who reads it does that. An error names what is missing.
pub type Open<'a> = dyn Fn() -> Result<Box<dyn Read + Send + 'a>> + Sync + 'a;

/// A place that takes images: a registry, a layout, an archive. Of each image come its blobs first, then the documents
/// that name them, manifests before indexes, then names. What is given twice is fine.
pub trait Sink: Send + Sync {
    /// Where it is, as people know it: a path or a repository.
    fn place(&self) -> String;

    /// Takes a layer, a configuration or any other blob; called from several threads at once. It reads no more than it
    /// needs, verifies size and digest of what it reads, and after an error nothing of the blob is there.
    fn blob(&self, blob: &Descriptor, open: &Open<'_>) -> Result<Placed>;

    /// Takes a manifest or an index, whose digest is right; all that it names was taken before.
    fn document(&self, document: &Descriptor, bytes: &[u8]) -> Result<()>;

    /// Lets `name` stand for a document that was taken before.
    fn name(&self, document: &Descriptor, bytes: &[u8], name: &Reference) -> Result<()>;

    /// Ends it, once all images were sent; without it, a place that is written in one piece is left as it was.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// How a blob came to be in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It was there.
    Existed,
    /// It was in that other repository of the registry, and is shared now.
    Mounted(String),
    /// It was written or sent.
    Sent,
}

/// A blob of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freight {
    /// It, as it is named where it comes from.
    pub blob: Descriptor,
    /// The layer that it holds, where it is one of an image.
    pub layer: Option<DiffId>,
    /// Whether the layer is packed anew on the way.
    pub anew: bool,
}

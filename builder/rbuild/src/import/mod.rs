//! Images from outside the store: OCI layouts, docker archives, root file systems. Reads them, checks every byte
//! against its digest, and brings their layers into the store. Knows no step. Contexts from outside: see `context`.
//!
//! Whatever an image comes from, it becomes a [`Found`]: its documents, verified, and a [`Blobs`] that its layers are
//! read from. [`fetch_layers`] brings those into the store.

pub mod archive;
pub mod layout;
pub mod rootfs;
pub mod source;
mod spool;

mod blobs;
mod budget;
pub mod context;
pub(crate) mod dir;
mod direct;
mod files;
mod found;
mod images;
mod keep;
mod layers;
mod legacy;
mod local;
mod members;
mod memory;
mod pipe;
mod platform;
mod pull;
mod remote;
mod repository;
mod tarballs;
mod transport;
mod unpack;

pub use blobs::{Blobs, Later};
pub(crate) use blobs::{missing, required_document, spooled};
pub use files::Files;
pub use found::Found;
pub use images::Images;
pub use keep::{Kept, keep};
pub use layers::{Progress, fetch_layers, has_layers};
pub(crate) use layers::{Wish, fetch_each};
pub(crate) use local::Local;
pub use pull::{Choice, Pulled, pull};
pub(crate) use remote::{Remote, place_of, reference_of};
pub use source::Offered;
pub use transport::{Outside, Part, Ways};

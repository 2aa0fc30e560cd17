//! Images from outside the store: OCI layouts, docker archives, root file systems. Reads them, checks every byte
//! against its digest, and brings their layers into the store. Knows no command and no build.
//!
//! Whatever an image comes from, it becomes a [`Found`]: its documents, verified, and a [`Blobs`] that its layers are
//! read from. [`fetch_layers`] brings those into the store.

pub mod layout;

mod blobs;
mod files;
mod found;
mod images;
mod layers;
mod platform;

pub use blobs::Blobs;
pub use files::Files;
pub use found::Found;
pub use images::Images;
pub use layers::{Progress, fetch_layers};

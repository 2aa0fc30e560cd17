//! PURE. The nouns of the OCI image and distribution specifications as values, canonical JSON out.
//!
//! Knows no disk, no network, no clock and no Dockerfile. Every id is a type of its own: a [`Digest`] names bytes, a
//! [`DiffId`] an uncompressed layer, a [`ChainId`] a stack of layers, an [`ImageId`] an image configuration.

mod cancel;
mod config;
mod descriptor;
mod digest;
mod error;
mod manifest;
mod platform;
mod reference;
pub mod testing;
mod time;

pub use cancel::{Cancel, Canceled, OnCancel};
pub use config::{ContainerConfig, Healthcheck, History, ImageConfig, RootFs};
pub use descriptor::{Descriptor, MediaType};
pub use digest::{ChainId, DiffId, Digest, Hasher, ImageId};
pub use error::{Error, Result};
pub use manifest::{Annotations, Index, Manifest, to_canonical_json};
pub use platform::Platform;
pub use reference::Reference;
pub use time::Timestamp;

//! DISK. Keeps bytes by digest: blobs, layers with their indexes, snapshots, tags, volumes, in one root that is an OCI
//! image layout. Has never heard of a Dockerfile, an instruction or a process.

mod error;
pub mod layer;
mod root_dir;
pub mod snapshot;

pub use error::{Error, Result};
pub use root_dir::{Device, Dir, DirEntry, FileKind, Meta, RootDir, Walk, WalkEntry, Xattrs};

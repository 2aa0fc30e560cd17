//! Layers: what one step changed, as a tarball and as an index of it. Knows the OCI image specification ("Image Layer
//! Filesystem Changeset") and tar in all its dialects; knows nothing of steps, images or snapshots.
//!
//! `entry`, `index`, `view` answer questions about layers with no file system; `pack` writes a tarball from entries;
//! `read` understands anybody's tarball; `unpack`, `ingest` and `archive` are the three uses of that.

mod archive;
mod codec;
mod draft;
mod encode;
mod entry;
mod extract;
mod fill;
mod index;
mod ingest;
mod pack;
mod pages;
mod read;
mod reference;
mod scan;
mod unpack;
mod view;
mod whiteout;
mod xattr;

pub use archive::{Archive, ArchiveBody, is_archive};
pub use codec::{Codec, Compression, Format, compress, compress_layer, decompress};
pub use entry::{Entry, FileData, Node, compare_paths, is_below, join_path, show_path, split_path};
pub use extract::extract;
pub use fill::fill;
pub use index::{BODY_LIMIT, CARRIED, LayerIndex, Totals};
pub use ingest::{Ingested, ingest};
pub use pack::{Body, LayerWriter, Packed};
pub use pages::Pages;
pub use read::Limits;
pub use reference::LayerRef;
pub use unpack::{
    OpaqueXattr, Ownership, Recorded, Style, Tarball, UnpackOptions, Unpacked, index_tar, unpack, unpack_part,
};
pub use view::{Follow, Found, Resolved, View};
pub use whiteout::is_reserved;
pub use xattr::{is_internal as is_internal_xattr, portable as portable_xattr};

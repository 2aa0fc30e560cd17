//! How the bytes of a tarball are compressed and decompressed. Knows codecs, no tar and no store.

mod compress;
mod decompress;
mod pieces;

pub use compress::{Codec, Format, compress, compress_layer};
pub use decompress::{Compression, decompress};

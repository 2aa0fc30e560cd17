//! Decompression of whatever comes, known by its first bytes.

use crate::error::{Error, Result};
use crate::layer::fill;
use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use std::io::{Cursor, Read};

/// How bytes are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// They are not, or in a way that is not known.
    None,
    /// gzip, of any number of members (RFC 1952).
    Gzip,
    /// Zstandard, of any number of frames (RFC 8878).
    Zstd,
    /// bzip2, of any number of streams.
    Bzip2,
    /// xz, of any number of streams.
    Xz,
}

impl Compression {
    /// How many first bytes [`Compression::of`] looks at.
    pub const PREFIX: usize = 6;

    /// The compression of something that begins with these bytes.
    pub fn of(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            _ => Self::None,
        }
    }
}

/// What the source holds, decompressed; as it is if it is not compressed.
pub fn decompress<'a>(mut source: impl Read + Send + 'a) -> Result<(Compression, Box<dyn Read + Send + 'a>)> {
    let first = prefix(&mut source)?;
    let compression = Compression::of(&first);
    let whole = Cursor::new(first).chain(source);
    let plain: Box<dyn Read + Send + 'a> = match compression {
        Compression::None => Box::new(whole),
        Compression::Gzip => Box::new(MultiGzDecoder::new(whole)),
        Compression::Zstd => Box::new(zstd::Decoder::new(whole).map_err(Error::io("decompress", "zstd"))?),
        Compression::Bzip2 => Box::new(MultiBzDecoder::new(whole)),
        Compression::Xz => Box::new(XzReader::new(whole, true)),
    };
    Ok((compression, plain))
}

fn prefix(source: &mut impl Read) -> Result<Vec<u8>> {
    let mut first = vec![0; Compression::PREFIX];
    let count = fill(source, &mut first).map_err(Error::io("read", "the archive"))?;
    first.truncate(count);
    Ok(first)
}

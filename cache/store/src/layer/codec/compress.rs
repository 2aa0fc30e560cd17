//! Compression in pieces of a fixed size, each a gzip member or zstd frame of its own, on all processors: the bytes
//! follow from the input, codec, level and library version, not from the number of processors. The memory is two pieces
//! and what the library needs for each of at most eight threads.

use super::pieces::{Worker, each_piece};
use crate::error::{Error, Result};
use crate::layer::read::pump;
use libdeflater::CompressionLvl;
use rbuild_oci::{Cancel, Descriptor, DiffId, Hasher, MediaType};
use std::io::{ErrorKind, Read, Write};

/// A way to compress layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Codec {
    format: Format,
    level: i32,
}

/// A format of compressed layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// gzip: everybody reads it.
    Gzip,
    /// Zstandard: smaller and several times faster.
    Zstd,
}

impl Format {
    const fn piece(self) -> usize {
        match self {
            Self::Gzip => 1 << 20,
            Self::Zstd => 2 << 20,
        }
    }

    /// The media type of a layer in this format.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Gzip => MediaType::OCI_LAYER_GZIP,
            Self::Zstd => MediaType::OCI_LAYER_ZSTD,
        }
    }

    /// The levels there are, and which is taken if none is named.
    const fn levels(self) -> (i32, i32, i32) {
        match self {
            Self::Gzip => (1, 12, 6),
            Self::Zstd => (1, 22, 3),
        }
    }
}

impl Codec {
    /// A format at a level (gzip: 1 to 12, by default 6; zstd: 1 to 22, by default 3).
    pub fn new(format: Format, level: Option<i32>) -> Result<Self> {
        let (least, most, usual) = format.levels();
        let level = level.unwrap_or(usual);
        if (least..=most).contains(&level) {
            return Ok(Self { format, level });
        }
        Err(Error::Refused {
            what: "compression level",
            subject: level.to_string(),
            reason: format!("{} has levels from {least} to {most}", Self { format, level }.name()),
        })
    }

    /// The format.
    pub const fn format(self) -> Format {
        self.format
    }

    /// The media type of a layer compressed so.
    pub const fn media_type(self) -> &'static str {
        self.format.media_type()
    }

    /// All that the compressed bytes follow from beside the input: `zstd-3-1.5.7-2m`. Has no slash in it.
    pub fn key(self) -> String {
        let library = match self.format {
            Format::Gzip => LIBDEFLATE,
            Format::Zstd => zstd::zstd_safe::version_string(),
        };
        format!("{}-{}-{library}-{}m", self.name(), self.level, self.format.piece() >> 20)
    }

    const fn name(self) -> &'static str {
        match self.format {
            Format::Gzip => "gzip",
            Format::Zstd => "zstd",
        }
    }

    fn worker(self) -> Result<Worker<'static>> {
        match self.format {
            Format::Gzip => {
                let level = CompressionLvl::new(self.level).map_err(|_| failed(ErrorKind::InvalidInput))?;
                let mut gzip = libdeflater::Compressor::new(level);
                Ok(Box::new(move |input, output| {
                    output.resize(gzip.gzip_compress_bound(input.len()), 0);
                    let written = gzip.gzip_compress(input, output);
                    output.truncate(written.map_err(|_| failed(ErrorKind::OutOfMemory))?);
                    Ok(())
                }))
            }
            Format::Zstd => {
                let zstd = zstd::bulk::Compressor::new(self.level).map_err(Error::io("compress with", "zstd"));
                let mut zstd = zstd?;
                Ok(Box::new(move |input, output| {
                    output.reserve(zstd::compress_bound(input.len()));
                    let written = zstd.compress_to_buffer(input, output);
                    written.map(drop).map_err(Error::io("compress with", "zstd"))
                }))
            }
        }
    }
}

/// More would be waited for by whoever writes, and each takes some MiB.
const MOST_THREADS: usize = 8;

/// The version of the C library that libdeflater brings; a test compares it with Cargo.lock.
const LIBDEFLATE: &str = "1.26.1";

/// Compresses all that `source` has into `out` and gives the descriptor of the result, a layer.
pub fn compress(source: &mut dyn Read, codec: Codec, out: &mut dyn Write, cancel: &Cancel) -> Result<Descriptor> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    compress_on(processors.min(MOST_THREADS), source, codec, out, cancel)
}

fn compress_on(
    threads: usize,
    source: &mut dyn Read,
    codec: Codec,
    out: &mut dyn Write,
    cancel: &Cancel,
) -> Result<Descriptor> {
    let workers = (0..threads).map(|_| codec.worker()).collect::<Result<Vec<_>>>()?;
    let (mut hasher, mut size) = (Hasher::new(), 0);
    let mut write = |piece: &[u8]| {
        hasher.update(piece);
        size += piece.len() as u64;
        out.write_all(piece).map_err(Error::io("write", "the compressed layer"))
    };
    each_piece(source, codec.format.piece(), workers, &mut write, cancel)?;
    Ok(Descriptor::new(codec.media_type(), hasher.finish(), size))
}

/// Compresses the uncompressed tarball of that layer, verifying it on the way.
pub fn compress_layer(
    tarball: &mut (dyn Read + Send),
    layer: &DiffId,
    codec: Codec,
    out: &mut dyn Write,
    cancel: &Cancel,
) -> Result<Descriptor> {
    let consume = |tarball: &mut dyn Read| compress(tarball, codec, out, cancel);
    let (descriptor, pumped) = pump(tarball, &mut |_| Ok(()), cancel, consume)?;
    if pumped.digest == layer.0 {
        return Ok(descriptor);
    }
    let reason = format!("its tarball has the digest {}", pumped.digest);
    Err(Error::Corrupt { what: "layer", subject: layer.to_string(), reason })
}

fn failed(kind: ErrorKind) -> Error {
    Error::io("compress with", "gzip")(std::io::Error::from(kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::codec::{Compression, decompress};
    use rbuild_oci::Digest;

    fn sample(size: usize) -> Vec<u8> {
        (0..size as u64).map(|at| (at.wrapping_mul(at) >> 7) as u8 & 0x3f).collect()
    }

    fn compressed(body: &[u8], codec: Codec, threads: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let descriptor = compress_on(threads, &mut &*body, codec, &mut out, &Cancel::new()).unwrap();
        assert_eq!((descriptor.digest, descriptor.size), (Digest::of(&out), out.len() as u64));
        out
    }

    #[test]
    fn the_bytes_are_the_same_whatever_the_number_of_threads() {
        for (format, level) in [(Format::Gzip, 1), (Format::Gzip, 6), (Format::Zstd, 1), (Format::Zstd, 3)] {
            let codec = Codec::new(format, Some(level)).unwrap();
            let piece = format.piece();
            for size in [0, 1, piece - 1, piece, piece + 1, 3 * piece, 11 * piece + 7] {
                let body = sample(size);
                let one = compressed(&body, codec, 1);
                for threads in [2, 8] {
                    assert!(one == compressed(&body, codec, threads), "{format:?} {size} on {threads}");
                }
                let (found, mut plain) = decompress(&*one).unwrap();
                assert_ne!(found, Compression::None);
                let mut back = Vec::new();
                plain.read_to_end(&mut back).unwrap();
                assert!(back == body, "{format:?} {size}");
            }
        }
    }

    #[test]
    fn a_sink_that_fails_and_a_raised_flag_end_it() {
        struct Full(usize);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0 = self.0.checked_sub(bytes.len()).ok_or(ErrorKind::StorageFull)?;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (body, codec) = (sample(9 << 20), Codec::new(Format::Gzip, Some(1)).unwrap());
        let error = compress_on(4, &mut &*body, codec, &mut Full(100), &Cancel::new()).unwrap_err();
        assert!(error.to_string().contains("cannot write the compressed layer"), "{error}");
        let cancel = Cancel::new();
        cancel.cancel();
        let error = compress_on(4, &mut &*body, codec, &mut Vec::new(), &cancel).unwrap_err();
        assert!(matches!(error, Error::Canceled(_)), "{error}");
    }

    #[test]
    fn levels_outside_the_range_are_refused() {
        for (format, level) in [(Format::Gzip, 0), (Format::Gzip, 13), (Format::Zstd, 23), (Format::Zstd, 0)] {
            assert!(Codec::new(format, Some(level)).unwrap_err().to_string().contains("levels from 1"));
        }
    }

    #[test]
    fn the_key_names_the_library_in_use() {
        let lock = include_str!("../../../../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"libdeflate-sys\"\nversion = \"{LIBDEFLATE}\"")));
        assert_eq!(
            Codec::new(Format::Zstd, None).unwrap().key(),
            format!("zstd-3-{}-2m", zstd::zstd_safe::version_string())
        );
    }
}

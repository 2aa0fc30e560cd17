//! Compression in pieces of a fixed size, each a gzip member or zstd frame of its own, on all processors: the bytes
//! follow from the input, codec, level and library version, not from the number of processors. The memory is two to
//! three pieces per processor.

use crate::error::{Error, Result};
use crate::layer::read::pump;
use libdeflater::CompressionLvl;
use rayon::prelude::*;
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
            Self::Zstd => 4 << 20,
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

    /// All that the compressed bytes follow from beside the input: `zstd-3-1.5.7-4m`. Has no slash in it.
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

    fn worker(self) -> Result<Worker> {
        match self.format {
            Format::Gzip => CompressionLvl::new(self.level)
                .map(|level| Worker::Gzip(libdeflater::Compressor::new(level)))
                .map_err(|_| failed(ErrorKind::InvalidInput)),
            Format::Zstd => {
                let worker = zstd::bulk::Compressor::new(self.level);
                worker.map(|worker| Worker::Zstd(Box::new(worker))).map_err(Error::io("compress with", "zstd"))
            }
        }
    }
}

/// The version of the C library that libdeflater brings; a test compares it with Cargo.lock.
const LIBDEFLATE: &str = "1.26.1";

/// Compresses all that `source` has into `out` and gives the descriptor of the result, a layer.
pub fn compress(source: &mut dyn Read, codec: Codec, out: &mut dyn Write, cancel: &Cancel) -> Result<Descriptor> {
    let mut slots = Vec::new();
    for _ in 0..rayon::current_num_threads().max(1) {
        slots.push(Slot { worker: codec.worker()?, input: Vec::new(), output: Vec::new() });
    }
    let (mut hasher, mut size, mut first) = (Hasher::new(), 0, true);
    loop {
        cancel.check()?;
        let mut used = 0;
        while used < slots.len() && slots[used].fill(source, codec.format.piece())? {
            used += 1;
        }
        // Nothing at all becomes one empty piece.
        used = if first { used.max(1) } else { used };
        slots[..used].par_iter_mut().try_for_each(Slot::compress)?;
        for slot in &slots[..used] {
            hasher.update(&slot.output);
            out.write_all(&slot.output).map_err(Error::io("write", "the compressed layer"))?;
            size += slot.output.len() as u64;
        }
        if used < slots.len() || slots[used - 1].input.len() < codec.format.piece() {
            return Ok(Descriptor::new(codec.media_type(), hasher.finish(), size));
        }
        first = false;
    }
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

enum Worker {
    Gzip(libdeflater::Compressor),
    Zstd(Box<zstd::bulk::Compressor<'static>>),
}

/// One piece being compressed.
struct Slot {
    worker: Worker,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Slot {
    /// Reads a piece; false if there is none.
    fn fill(&mut self, source: &mut dyn Read, piece: usize) -> Result<bool> {
        self.input.clear();
        let read = source.take(piece as u64).read_to_end(&mut self.input);
        read.map(|count| count > 0).map_err(Error::io("read", "the layer"))
    }

    fn compress(&mut self) -> Result<()> {
        match &mut self.worker {
            Worker::Gzip(worker) => {
                self.output.resize(worker.gzip_compress_bound(self.input.len()), 0);
                let written = worker.gzip_compress(&self.input, &mut self.output);
                self.output.truncate(written.map_err(|_| failed(ErrorKind::OutOfMemory))?);
            }
            Worker::Zstd(worker) => {
                self.output.clear();
                self.output.reserve(zstd::compress_bound(self.input.len()));
                let written = worker.compress_to_buffer(&self.input, &mut self.output);
                written.map_err(Error::io("compress with", "zstd"))?;
            }
        }
        Ok(())
    }
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
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let descriptor = pool.install(|| compress(&mut &*body, codec, &mut out, &Cancel::new())).unwrap();
        assert_eq!((descriptor.digest, descriptor.size), (Digest::of(&out), out.len() as u64));
        out
    }

    #[test]
    fn pieces_round_trip_whatever_the_number_of_processors() {
        for format in [Format::Gzip, Format::Zstd] {
            let codec = Codec::new(format, Some(1)).unwrap();
            for size in [0, 1, format.piece(), format.piece() + 1, 3 * format.piece()] {
                let body = sample(size);
                let one = compressed(&body, codec, 1);
                assert!(one == compressed(&body, codec, 3), "{format:?} {size}");
                let (found, mut plain) = decompress(&*one).unwrap();
                assert_ne!(found, Compression::None);
                let mut back = Vec::new();
                plain.read_to_end(&mut back).unwrap();
                assert!(back == body, "{format:?} {size}");
            }
        }
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
            format!("zstd-3-{}-4m", zstd::zstd_safe::version_string())
        );
    }
}

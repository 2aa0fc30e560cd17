//! A stream decompressed, within what honest compression can do, and hashed. Knows no image.

use crate::error::{Error, Result};
use rbuild_oci::{Cancel, Digest, Hasher};
use rbuild_store::layer::{Limits, decompress};
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a stream of any compression is once it is decompressed. To read it is an error where it is beyond `limits`, and
/// once a stop is asked for.
pub(super) fn unpack<'a>(stream: impl Read + Send + 'a, limits: Limits, cancel: &'a Cancel) -> Result<Unpacked<'a>> {
    let packed = Arc::new(AtomicU64::new(0));
    let (_, plain) = decompress(Counted { stream, packed: packed.clone(), cancel })?;
    Ok(Unpacked { plain, packed, size: 0, limits })
}

/// The digest and the size of what a reader gives, which people know as `name`.
pub(super) fn digest(mut reader: impl Read, name: &str, cancel: &Cancel) -> Result<(Digest, u64)> {
    let (mut hasher, mut size, mut buffer) = (Hasher::new(), 0, vec![0; 256 << 10]);
    loop {
        let read = reader.read(&mut buffer);
        // It may have failed because it was told to stop.
        cancel.check()?;
        match read {
            Ok(0) => return Ok((hasher.finish(), size)),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                size += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", name)(error)),
        }
    }
}

/// A decompressed stream.
pub(super) struct Unpacked<'a> {
    plain: Box<dyn Read + Send + 'a>,
    packed: Arc<AtomicU64>,
    size: u64,
    limits: Limits,
}

impl Read for Unpacked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.plain.read(buffer)?;
        self.size += count as u64;
        let Limits { bytes, ratio, slack, .. } = self.limits;
        if self.size > bytes {
            return Err(io::Error::other(format!("it has more than {bytes} bytes")));
        }
        if self.size > slack && self.size / ratio > self.packed.load(Ordering::Relaxed) {
            return Err(io::Error::other(format!("its content is more than {ratio} times larger than itself")));
        }
        Ok(count)
    }
}

/// A stream whose bytes are counted.
struct Counted<'a, R> {
    stream: R,
    packed: Arc<AtomicU64>,
    cancel: &'a Cancel,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.cancel.check().map_err(io::Error::other)?;
        let count = self.stream.read(buffer)?;
        self.packed.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rbuild_store::layer::{Codec, Format, compress};
    use std::io::Cursor;

    #[test]
    fn what_no_honest_compression_can_do_is_an_error() {
        let (cancel, mut packed) = (Cancel::new(), Vec::new());
        let plain = vec![0; 1 << 20];
        compress(&mut &plain[..], Codec::new(Format::Zstd, None).unwrap(), &mut packed, &cancel).unwrap();
        let hashed = |limits| {
            digest(unpack(Cursor::new(&packed), limits, &cancel).unwrap(), "it", &cancel)
                .map_err(|error| error.to_string())
        };
        assert_eq!(hashed(Limits::default()), Ok((Digest::of(&plain), plain.len() as u64)));
        let error = hashed(Limits { slack: 1 << 16, ..Limits::default() }).unwrap_err();
        assert!(error.contains("250 times larger"), "{error}");
        let error = hashed(Limits { bytes: 1 << 16, ..Limits::default() }).unwrap_err();
        assert!(error.contains("more than 65536 bytes"), "{error}");
        cancel.cancel();
        assert!(digest(&plain[..], "it", &cancel).unwrap_err().is_canceled());
    }
}

//! Reading in pieces of one size. Knows nothing of what the bytes are.

use std::io::{self, ErrorKind, Read};

/// Reads until the buffer is full or the source is at its end, and says how many bytes that are.
pub fn fill(source: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

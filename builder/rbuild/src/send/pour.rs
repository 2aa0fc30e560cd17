//! A blob's bytes from where they are opened to where they are written, checked on the way. Knows no place.

use super::Open;
use crate::error::{Error, Result};
use rbuild_oci::{Cancel, Descriptor};
use rbuild_store::Error as Cause;
use rbuild_store::content::Verified;
use std::io::{ErrorKind, Read, Write};

/// Bytes that are copied at once, and how often a stop is looked for.
const CHUNK: usize = 256 << 10;

/// Writes all of a blob to `out`, which errors call `to`. Bytes that are not what the descriptor says are an error.
pub(super) fn pour(blob: &Descriptor, open: &Open<'_>, out: &mut dyn Write, to: &str, cancel: &Cancel) -> Result<()> {
    let (mut reader, mut buffer) = (Verified::of(open()?, blob), vec![0; CHUNK.min(blob.size as usize + 1)]);
    loop {
        cancel.check()?;
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => out.write_all(&buffer[..count]).map_err(Error::io("write", to))?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                let (subject, reason) = (blob.digest.to_string(), error.to_string());
                return Err(Cause::Corrupt { what: "blob", subject, reason }.into());
            }
            Err(error) => {
                return Err(cancel.check().err().map_or_else(|| Error::io("read", blob.digest)(error), Error::from));
            }
        }
    }
}

//! A root file system in a tarball as a layer of the store: what `rbuild import` makes a base image of. Knows no
//! configuration.

use crate::error::{Error, Result};
use rbuild_oci::Cancel;
use rbuild_store::Store;
use rbuild_store::layer::{LayerRef, Limits, decompress, index_tar};
use std::io::{self, BufWriter, Read, Write};

/// Brings a tarball of any compression into the store as it is, decompressed, and says which layer it is.
pub fn layer(tarball: impl Read + Send, name: &str, store: &Store, cancel: &Cancel) -> Result<LayerRef> {
    let (_, plain) = decompress(tarball)?;
    let file = store.tmp_file()?;
    let mut copy = Copied { source: plain, copy: BufWriter::with_capacity(1 << 20, file.file()) };
    let read = index_tar(&mut copy, Limits::default(), cancel);
    let (index, diff_id, size) = read.map_err(|error| unreadable(name, error))?;
    copy.copy.flush().map_err(Error::io("write", file.path().display()))?;
    drop(copy);
    if index.entries().len() <= 1 {
        return Err(Error::Usage(format!("{name} holds no files: give the tarball of a root file system")));
    }
    store.layers().adopt(file, &diff_id, &index)?;
    Ok(LayerRef::stored(diff_id, size))
}

/// The error with the name of the tarball.
fn unreadable(name: &str, error: rbuild_store::Error) -> Error {
    use rbuild_store::Error as Cause;
    match error {
        Cause::Corrupt { .. } | Cause::Refused { .. } => {
            Cause::Corrupt { what: "tarball", subject: name.to_owned(), reason: error.to_string() }.into()
        }
        other => other.into(),
    }
}

/// Writes down what is read.
struct Copied<R, W> {
    source: R,
    copy: W,
}

impl<R: Read, W: Write> Read for Copied<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.copy.write_all(&buffer[..count])?;
        Ok(count)
    }
}

//! Takes one file out of a tarball where it does not lie in one piece.

use super::entry::show_path;
use super::read::{Limits, Piece, TarReader};
use crate::error::{Error, Result};
use rbuild_oci::Cancel;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

/// Writes the data of the regular file `path` of a tarball to `out`, holes as holes.
pub fn extract(tarball: impl Read, path: &[u8], out: &File, cancel: &Cancel) -> Result<()> {
    let failed = |source| Error::Io { operation: "write", subject: show_path(path), source };
    let mut tarball = TarReader::new(tarball, Limits::default(), cancel);
    let mut buffer = vec![0; 256 << 10];
    while let Some(entry) = tarball.next_entry()? {
        if entry.path != path {
            continue;
        }
        let (mut out, mut size) = (out, 0);
        while let Some(piece) = tarball.next_piece(&mut buffer)? {
            match piece {
                Piece::Data(count) => {
                    out.write_all(&buffer[..count]).map_err(failed)?;
                    size += count as u64;
                }
                Piece::Hole(count) => {
                    out.seek(SeekFrom::Current(count as i64)).map_err(failed)?;
                    size += count;
                }
            }
        }
        return out.set_len(size).map_err(failed);
    }
    Err(Error::Missing { what: "file", subject: show_path(path) })
}

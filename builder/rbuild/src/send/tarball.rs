//! A tarball whose bytes follow from what is put into it alone: owner 0, time 0. Knows tar and no image.

use super::contents::LAYOUT;
use super::target::Target;
use crate::error::{Error, Result};
use rbuild_oci::{Cancel, Index, to_canonical_json};
use std::io::Write;
use std::path::Path;
use tar::{EntryType, Header};

/// What errors call the archive; the target adds where it is.
const NAME: &str = "the archive";

/// What everything in a tarball is a multiple of.
const BLOCK: u64 = 512;

/// Writes the data of a file.
pub(super) type Fill<'a> = dyn FnOnce(&mut dyn Write, &str) -> Result<()> + 'a;

/// A tarball on its way. Files appear in it in the order in which they are put.
#[derive(Debug)]
pub(crate) struct Tarball {
    out: Target,
}

impl Tarball {
    /// The tarball of an image layout at `dest`, which appears there once it is finished.
    pub(crate) fn layout(dest: &Path, cancel: &Cancel) -> Result<Self> {
        let mut tarball = Self { out: Target::open(dest, cancel)? };
        for directory in ["blobs/", "blobs/sha256/"] {
            tarball.header(EntryType::Directory, directory, 0o755, 0)?;
        }
        Ok(tarball)
    }

    /// Puts a file of `size` bytes, which `fill` writes; it is told what errors call the archive.
    pub(crate) fn file(&mut self, name: &str, mode: u32, size: u64, fill: Box<Fill<'_>>) -> Result<()> {
        self.header(EntryType::Regular, name, mode, size)?;
        fill(&mut self.out, NAME)?;
        let over = size % BLOCK;
        if over == 0 { Ok(()) } else { self.put(&vec![0; (BLOCK - over) as usize]) }
    }

    /// Puts a small file.
    pub(crate) fn document(&mut self, name: &str, mode: u32, bytes: &[u8]) -> Result<()> {
        let fill = |out: &mut dyn Write, to: &str| out.write_all(bytes).map_err(Error::io("write", to));
        self.file(name, mode, bytes.len() as u64, Box::new(fill))
    }

    /// Puts the lists of a layout, further documents (name and bytes) among them, and puts the whole in its place.
    pub(crate) fn finish(mut self, index: &Index, documents: &[(&str, Vec<u8>)]) -> Result<()> {
        self.document("index.json", 0o644, &to_canonical_json(index)?)?;
        for (name, bytes) in documents {
            self.document(name, 0o644, bytes)?;
        }
        self.document("oci-layout", 0o644, LAYOUT)?;
        self.put(&[0; 2 * BLOCK as usize])?;
        self.out.finish()
    }

    fn header(&mut self, kind: EntryType, name: &str, mode: u32, size: u64) -> Result<()> {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_path(name).map_err(Error::io("name", name))?;
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(size);
        header.set_cksum();
        self.put(header.as_bytes())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(Error::io("write", NAME))
    }
}

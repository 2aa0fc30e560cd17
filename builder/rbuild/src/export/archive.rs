//! Writes an image layout as a tarball whose bytes follow from the layout alone: sorted names, owner 0, time 0. Knows
//! tar and no image.

use super::blob::Blob;
use super::layout::{LAYOUT, Layout};
use super::target::Target;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use rbuild_oci::{Cancel, Index, to_canonical_json};
use std::io::Write;
use std::path::Path;
use tar::{EntryType, Header};

/// What errors call the archive; the target adds where it is.
const NAME: &str = "the archive";

/// What everything in a tarball is a multiple of.
const BLOCK: u64 = 512;

/// Writes the layout to `dest`, with further documents at its top (name and bytes, sorted; after `index.json` and before
/// `oci-layout`).
pub(super) fn write(ctx: &Ctx<'_>, dest: &Path, layout: &Layout, documents: &[(&str, Vec<u8>)]) -> Result<()> {
    let mut tarball = Tarball { out: Target::open(dest, ctx.cancel)?, cancel: ctx.cancel };
    tarball.layout(layout, documents).or_else(|error| ctx.cancel.check().map_err(Error::from).and(Err(error)))?;
    tarball.out.finish()
}

struct Tarball<'a> {
    out: Target,
    cancel: &'a Cancel,
}

impl Tarball<'_> {
    fn layout(&mut self, layout: &Layout, documents: &[(&str, Vec<u8>)]) -> Result<()> {
        for directory in ["blobs/", "blobs/sha256/"] {
            self.header(EntryType::Directory, directory, 0o755, 0)?;
        }
        for (digest, blob) in &layout.blobs {
            self.file(&format!("blobs/sha256/{}", digest.hex()), 0o444, blob)?;
        }
        let index = to_canonical_json(&Index::oci(layout.entries.clone()))?;
        self.document("index.json", index)?;
        for (name, bytes) in documents {
            self.document(name, bytes.clone())?;
        }
        self.document("oci-layout", LAYOUT.to_vec())?;
        self.put(&[0; 2 * BLOCK as usize])
    }

    fn document(&mut self, name: &str, bytes: Vec<u8>) -> Result<()> {
        self.file(name, 0o644, &Blob::document("", bytes))
    }

    fn file(&mut self, name: &str, mode: u32, blob: &Blob) -> Result<()> {
        let size = blob.descriptor.size;
        self.header(EntryType::Regular, name, mode, size)?;
        blob.copy(&mut self.out, NAME, self.cancel)?;
        let over = size % BLOCK;
        if over == 0 { Ok(()) } else { self.put(&vec![0; (BLOCK - over) as usize]) }
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

//! Writes an image layout as a tarball whose bytes follow from the layout alone: sorted names, owner 0, time 0. Knows no
//! image.

use super::layout::Layout;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::send::Tarball;
use rbuild_oci::Index;
use std::path::Path;

/// Writes the layout to `dest`, with further documents at its top (name and bytes, sorted; after `index.json` and before
/// `oci-layout`).
pub(super) fn write(ctx: &Ctx<'_>, dest: &Path, layout: &Layout, documents: &[(&str, Vec<u8>)]) -> Result<()> {
    let write = || {
        let mut tarball = Tarball::layout(dest, ctx.cancel)?;
        for (digest, blob) in &layout.blobs {
            let name = format!("blobs/sha256/{}", digest.hex());
            tarball.file(&name, 0o444, blob.descriptor.size, Box::new(|out, to| blob.copy(out, to, ctx.cancel)))?;
        }
        tarball.finish(&Index::oci(layout.entries.clone()), documents)
    };
    write().or_else(|error| ctx.cancel.check().map_err(Error::from).and(Err(error)))
}

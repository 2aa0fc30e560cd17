//! Directories of the transport `dir:` (containers-transports(5)): one image, its manifest as `manifest.json`, every
//! other blob under the hexadecimal digits of its digest. Becomes a layout of one nameless image. Knows no store.

use super::blobs::Blobs;
use super::files::Files;
use super::layout::Layout;
use crate::error::{Error, Result};
use crate::image::media_type;
use rbuild_oci::{Descriptor, Digest, Index};
use std::io::Read;
use std::sync::Arc;

/// The file that says which version of the form it is.
pub(crate) const VERSION_FILE: &str = "version";

/// What it says.
pub(crate) const VERSION: &str = "Directory Transport Version: 1.1\n";

/// The manifest or index that all begins with.
pub(crate) const MANIFEST: &str = "manifest.json";

/// The name of a blob.
pub(crate) fn blob_name(blob: &Descriptor) -> String {
    if blob.media_type.is_manifest_or_index() {
        format!("{}.manifest.json", blob.digest.hex())
    } else {
        blob.digest.hex()
    }
}

/// Whether these files are such a directory.
pub(super) fn is_dir(files: &Files) -> Result<bool> {
    let family = VERSION.split_once('.').map_or(VERSION, |(family, _)| family);
    let is_version = |bytes: Vec<u8>| bytes.starts_with(family.as_bytes());
    Ok(files.has(MANIFEST)? && files.read(VERSION_FILE)?.is_some_and(is_version))
}

/// The image in these files as a layout.
pub(super) fn open(files: Files) -> Result<Layout> {
    let place = files.place();
    let missing = || Error::NotFound { path: MANIFEST.to_owned(), place: place.clone(), hint: None };
    let bytes = files.read(MANIFEST)?.ok_or_else(missing)?;
    let neither = || Error::Usage(format!("{MANIFEST} in {place} is neither the manifest of an image nor an index"));
    let top = Descriptor::of(media_type(&bytes).ok_or_else(neither)?, &bytes);
    let blobs = Arc::new(Dir { files, top: top.digest });
    Ok(Layout::of(blobs, Index::oci(vec![top])))
}

/// The files of such a directory by the digest of what is in them.
#[derive(Debug)]
struct Dir {
    files: Files,
    /// What is in `manifest.json`.
    top: Digest,
}

impl Blobs for Dir {
    fn open(&self, blob: &Descriptor) -> Result<Option<Box<dyn Read + Send + '_>>> {
        let name = if blob.media_type.is_manifest_or_index() && blob.digest == self.top {
            MANIFEST.to_owned()
        } else {
            blob_name(blob)
        };
        Ok(self.files.open_file(&name)?.map(|(_, reader)| reader))
    }

    fn place(&self) -> String {
        self.files.place()
    }
}

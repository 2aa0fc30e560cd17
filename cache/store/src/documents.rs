//! Small blobs that are read and written whole: manifests, configurations, indexes.

use crate::content;
use crate::error::Result;
use crate::layout::Store;
use rbuild_oci::Digest;

impl Store {
    /// The largest document that makes sense, in bytes.
    pub const DOCUMENT_LIMIT: u64 = 16 << 20;

    /// Keeps a document; fine if it is here already, and then nothing is written.
    pub fn put_document(&self, bytes: &[u8]) -> Result<Digest> {
        content::put(&self.content(), bytes)
    }

    /// A document by its digest, verified; none if it is not here.
    pub fn document(&self, digest: &Digest) -> Result<Option<Vec<u8>>> {
        content::read(&self.content(), digest, Self::DOCUMENT_LIMIT)
    }
}

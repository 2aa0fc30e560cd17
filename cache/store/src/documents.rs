//! Small blobs that are read and written whole: manifests, configurations, indexes.

use crate::error::{Error, Result};
use crate::layout::Store;
use rbuild_oci::Digest;
use rustix::fs::Mode;
use std::io::{self, Write};
use std::os::fd::AsFd;

impl Store {
    /// Keeps a document; fine if it is here already, and then nothing is written.
    pub fn put_document(&self, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(bytes);
        let path = self.blob_path(&digest);
        if !path.exists() {
            let file = self.tmp_file()?;
            file.file().write_all(bytes).map_err(Error::io("write", path.display()))?;
            rustix::fs::fchmod(file.file().as_fd(), Mode::from_raw_mode(0o444))
                .map_err(Error::io("change the mode of", path.display()))?;
            file.persist(&path)?;
        }
        Ok(digest)
    }

    /// A document by its digest, verified; none if it is not here.
    pub fn document(&self, digest: &Digest) -> Result<Option<Vec<u8>>> {
        let path = self.blob_path(digest);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", path.display())(error)),
        };
        let found = Digest::of(&bytes);
        if found != *digest {
            let reason = format!("its content has the digest {found}");
            return Err(Error::Corrupt { what: "blob", subject: digest.to_string(), reason });
        }
        Ok(Some(bytes))
    }
}

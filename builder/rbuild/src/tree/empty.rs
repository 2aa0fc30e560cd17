//! A tree without files: what is copied from `scratch`.

use super::{Opened, Tree};
use crate::error::{Error, Result};
use rbuild_oci::Digest;
use rbuild_store::layer::{Entry, show_path};

/// No files.
#[derive(Clone, Copy, Debug)]
pub struct EmptyTree;

impl Tree for EmptyTree {
    fn name(&self) -> &'static str {
        "scratch"
    }

    fn lookup(&self, _: &[u8]) -> Result<Option<Entry>> {
        Ok(None)
    }

    fn list(&self, _: &[u8]) -> Result<Vec<Vec<u8>>> {
        Ok(Vec::new())
    }

    fn walk(&self, _: &[u8]) -> Result<Vec<Entry>> {
        Ok(Vec::new())
    }

    fn digest_all(&self, _: &mut [Entry]) -> Result<()> {
        Ok(())
    }

    fn open(&self, path: &[u8], _: Digest) -> Result<Opened<'_>> {
        Err(Error::NotFound { path: show_path(path), place: self.name().to_owned(), hint: None })
    }
}

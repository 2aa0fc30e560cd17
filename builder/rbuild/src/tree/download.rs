//! A download as a tree with one file.

use super::Tree;
use crate::error::{Error, Result};
use rbuild_store::layer::{Entry, FileData, Node};
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

/// One file, mode 0600, owned by root.
#[derive(Debug)]
pub struct DownloadTree {
    entry: Entry,
    body: PathBuf,
}

impl DownloadTree {
    /// The file `name` with that data, whose bytes are those of `body`.
    pub fn new(name: &str, data: FileData, mtime: i64, body: PathBuf) -> Self {
        Self { entry: Entry { mtime, ..Entry::new(name, Node::File(data), 0o600) }, body }
    }
}

impl Tree for DownloadTree {
    fn name(&self) -> &'static str {
        "the download"
    }

    fn lookup(&self, path: &[u8]) -> Result<Option<Entry>> {
        Ok((path == self.entry.path).then(|| self.entry.clone()))
    }

    fn list(&self, directory: &[u8]) -> Result<Vec<Vec<u8>>> {
        Ok(if directory.is_empty() { vec![self.entry.path.clone()] } else { Vec::new() })
    }

    fn walk(&self, directory: &[u8]) -> Result<Vec<Entry>> {
        Ok(if directory.is_empty() { vec![self.entry.clone()] } else { Vec::new() })
    }

    fn digest_all(&self, _: &mut [Entry]) -> Result<()> {
        Ok(())
    }

    fn open(&self, _: &Entry) -> Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(File::open(&self.body).map_err(Error::io("open", self.body.display()))?))
    }
}

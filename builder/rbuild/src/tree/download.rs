//! A download as a tree with one file.

use super::{Opened, Tree};
use crate::error::Result;
use rbuild_oci::Digest;
use rbuild_store::content::{ContentStore, DiskContent};
use rbuild_store::layer::{Entry, FileData, Node};

/// One file, mode 0600, owned by root.
#[derive(Debug)]
pub struct DownloadTree {
    entry: Entry,
    body: Digest,
    content: DiskContent,
}

impl DownloadTree {
    /// The file `name` with that data, whose bytes are a blob.
    pub fn new(name: &str, data: FileData, mtime: i64, content: DiskContent) -> Self {
        let body = data.digest;
        Self { entry: Entry { mtime, ..Entry::new(name, Node::File(data), 0o600) }, body, content }
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

    fn open(&self, _: &[u8], _: Digest) -> Result<Opened<'_>> {
        let missing = || rbuild_store::Error::Missing { what: "download", subject: self.body.to_string() };
        Ok(Opened::data(self.content.open(&self.body)?.ok_or_else(missing)?))
    }
}

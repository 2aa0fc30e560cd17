//! The directory that was used last, kept open: trees are worked through in order, so the next path is mostly in it.

use crate::error::Result;
use crate::root_dir::{Dir, RootDir};

/// Opens directories of one root.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    root: &'a RootDir,
    last: Option<(Vec<u8>, Dir)>,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(root: &'a RootDir) -> Self {
        Self { root, last: None }
    }

    /// The directory at the path, which must still be the one that it was when it was asked for last.
    pub(super) fn directory(&mut self, path: &[u8]) -> Result<Dir> {
        match &self.last {
            Some((last, dir)) if last == path => Ok(dir.clone()),
            _ => {
                let dir = self.root.open_dir(path)?;
                self.last = Some((path.to_vec(), dir.clone()));
                Ok(dir)
            }
        }
    }
}

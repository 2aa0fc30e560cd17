//! The directory that was used last, kept open: trees are worked through in order, so the next path is mostly in it.

use super::{Dir, RootDir};
use crate::error::Result;

/// Opens directories of one root.
#[derive(Debug)]
pub struct Cursor {
    root: RootDir,
    last: Option<(Vec<u8>, Dir)>,
}

impl Cursor {
    /// For the directories of that root.
    pub fn new(root: &RootDir) -> Self {
        Self { root: root.clone(), last: None }
    }

    /// The directory at the path, which must still be the one that it was when it was asked for last.
    pub fn directory(&mut self, path: &[u8]) -> Result<Dir> {
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

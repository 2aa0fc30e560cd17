//! The ids of the images that end at each line of an image's history, kept beside the layers' indexes and by the image's
//! id. A cache: an image without it has a history all the same.

use crate::error::{Error, Result};
use crate::layout::{Bucket, Store};
use rbuild_oci::{ImageId, to_canonical_json};
use std::io::{self, Write};
use std::path::PathBuf;

/// The histories of a store.
#[derive(Clone, Debug)]
pub struct Histories {
    store: Store,
}

impl Store {
    /// The histories of this store.
    pub fn history(&self) -> Histories {
        Histories { store: self.clone() }
    }
}

impl Histories {
    /// Keeps the ids of an image's lines, oldest first; fine if they are here already.
    pub fn put(&self, image: &ImageId, rows: &[ImageId]) -> Result<()> {
        let path = self.path(image);
        if path.exists() {
            return Ok(());
        }
        let file = self.store.tmp_file()?;
        file.file().write_all(&to_canonical_json(&rows)?).map_err(Error::io("write", path.display()))?;
        file.persist(&path)
    }

    /// The ids of an image's lines, oldest first; none if they are not known.
    pub fn get(&self, image: &ImageId) -> Result<Option<Vec<ImageId>>> {
        let path = self.path(image);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", path.display())(error)),
        }
    }

    fn path(&self, image: &ImageId) -> PathBuf {
        self.store.dir(Bucket::Index).join(format!("{}.history", image.hex()))
    }
}

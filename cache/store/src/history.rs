//! The ids of the images that end at each line of an image's history, kept beside the layers' indexes and by the image's
//! id. A cache: an image without it has a history all the same.

use crate::error::{Error, Result, if_there};
use crate::layout::{Bucket, Store};
use rbuild_oci::{Digest, ImageId, to_canonical_json};
use std::io::{self, Write};
use std::path::PathBuf;

const SUFFIX: &str = ".history";

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
        let read = if_there(std::fs::read(&path)).map_err(Error::io("read", path.display()))?;
        Ok(read.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// The images whose lines are known, sorted.
    pub fn list(&self) -> Result<Vec<ImageId>> {
        let directory = self.store.dir(Bucket::Index);
        let list = || -> io::Result<Vec<ImageId>> {
            let entries = std::fs::read_dir(&directory)?.collect::<io::Result<Vec<_>>>()?;
            let id = |name: &str| Digest::from_hex(name.strip_suffix(SUFFIX)?).ok().map(ImageId);
            Ok(entries.iter().filter_map(|entry| id(entry.file_name().to_str()?)).collect())
        };
        let mut images = list().map_err(Error::io("list", directory.display()))?;
        images.sort();
        Ok(images)
    }

    fn path(&self, image: &ImageId) -> PathBuf {
        self.store.dir(Bucket::Index).join(format!("{}{SUFFIX}", image.hex()))
    }
}

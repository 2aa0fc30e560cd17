//! What stands beside a mount that travelled: when nobody touched it since, it is still what a depot has.

use super::{Ground, Manifest, print::print};
use crate::error::Result;
use rbuild_oci::{Digest, Timestamp, to_canonical_json};
use rbuild_store::{Error, if_there, note_of};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write;
use std::path::Path;

/// The state of a mount when it was last carried or brought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// The depot, as it names itself.
    pub depot: String,
    /// What the directory looked like.
    pub print: Digest,
    /// What was carried or brought.
    pub manifest: Manifest,
    /// When each of its pieces was last asked for.
    #[serde(default)]
    pub asked: Timestamp,
}

impl Note {
    /// The note beside a mount; one that cannot be read is none.
    pub fn read(mount: &Path) -> Result<Option<Self>> {
        let path = note_of(mount);
        let bytes = if_there(fs::read(&path)).map_err(Error::io("read", path.display()))?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Puts it beside the mount, in place of any other.
    pub(super) fn keep(&self, ground: &Ground<'_>, mount: &Path) -> Result<()> {
        let (file, path) = (ground.store.tmp_file()?, note_of(mount));
        let bytes = to_canonical_json(self).map_err(Error::from)?;
        file.file().write_all(&bytes).map_err(Error::io("write", path.display()))?;
        Ok(file.persist(&path)?)
    }

    /// Whether nobody touched the mount since.
    pub(super) fn holds(&self, ground: &Ground<'_>, mount: &Path) -> Result<bool> {
        Ok(print(mount, ground.cancel)? == self.print)
    }
}

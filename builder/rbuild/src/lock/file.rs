//! The file: JSON, sorted, a line an entry, so that a change of one input is a change of one line. Knows no Dockerfile.

use super::Content;
use crate::error::{Error, Result};
use rbuild_oci::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What names and addresses mean, and where that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The file.
    pub path: PathBuf,
    /// What it says.
    pub entries: Entries,
}

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entries {
    version: u32,
    /// Images by name and platform, as `docker.io/library/debian:12 for linux/amd64`: the digests of their manifests.
    #[serde(default)]
    pub images: BTreeMap<String, Digest>,
    /// Addresses of files without their passwords: what is there, as `sha256:… of 2015-01-01T00:00:00Z`.
    #[serde(default)]
    pub files: BTreeMap<String, Content>,
    /// Repositories with what is checked out, as `https://host/app.git#main`: the ids of the commits.
    #[serde(default)]
    pub commits: BTreeMap<String, String>,
}

/// The form that is written.
const VERSION: u32 = 1;

impl Lock {
    /// Without entries.
    pub fn new(path: PathBuf) -> Self {
        Self { path, entries: Entries { version: VERSION, ..Entries::default() } }
    }

    /// Reads a file that has to be there.
    pub fn read(path: PathBuf) -> Result<Self> {
        let bytes = std::fs::read(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => {
                Error::Usage(format!("there is no {}: `rbuild lock` with the same options writes it", path.display()))
            }
            _ => Error::io("read", path.display())(source),
        })?;
        Self::parse(path, &bytes)
    }

    /// Reads a file, if it is there.
    pub fn read_if_there(path: PathBuf) -> Result<Option<Self>> {
        if path.exists() { Self::read(path).map(Some) } else { Ok(None) }
    }

    fn parse(path: PathBuf, bytes: &[u8]) -> Result<Self> {
        let wrong = |why: String| Error::Usage(format!("{}: {why}", path.display()));
        let entries: Entries = serde_json::from_slice(bytes)
            .map_err(|error| wrong(format!("{error}: write it anew with `rbuild lock`")))?;
        if entries.version != VERSION {
            let known = format!("it is of version {}, and this rbuild knows {VERSION}", entries.version);
            return Err(wrong(known));
        }
        Ok(Self { path, entries })
    }

    /// How the file is called in messages.
    pub fn name(&self) -> String {
        self.path.strip_prefix(".").unwrap_or(&self.path).display().to_string()
    }

    /// Writes the file in one step; one that says the same already is left alone. Says whether it was written.
    pub fn write(&self) -> Result<bool> {
        let text = format!("{:#}\n", serde_json::json!(self.entries));
        if std::fs::read(&self.path).is_ok_and(|there| there == text.as_bytes()) {
            return Ok(false);
        }
        let fresh = beside(&self.path);
        let written = std::fs::write(&fresh, text).and_then(|()| std::fs::rename(&fresh, &self.path));
        written.map_err(Error::io("write", self.path.display()))?;
        Ok(true)
    }

    /// What a name or an address means.
    pub fn image(&self, key: &str) -> Result<Digest> {
        self.entries.images.get(key).copied().ok_or_else(|| self.lacks(key))
    }

    /// What is at an address.
    pub fn file(&self, key: &str) -> Result<Content> {
        self.entries.files.get(key).copied().ok_or_else(|| self.lacks(key))
    }

    /// The commit that a reference points at.
    pub fn commit(&self, key: &str) -> Result<&str> {
        self.entries.commits.get(key).map(String::as_str).ok_or_else(|| self.lacks(key))
    }

    fn lacks(&self, key: &str) -> Error {
        Error::NotLocked { what: key.to_owned(), file: self.name() }
    }
}

/// A name for the file while it is written.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_was_written_and_is_left_alone_where_it_does() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("rbuild.lock");
        assert_eq!(Lock::read_if_there(path.clone()).unwrap(), None);
        let mut lock = Lock::new(path.clone());
        lock.entries.images.insert("b for linux/amd64".into(), Digest::of(b"b"));
        lock.entries.images.insert("a for linux/amd64".into(), Digest::of(b"a"));
        lock.entries.commits.insert("https://h/r.git#main".into(), "0".repeat(40));
        assert!(lock.write().unwrap() && !lock.write().unwrap());
        assert_eq!(Lock::read(path.clone()).unwrap(), lock);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(lines[..2], ["{", "\"version\": 1,"]);
        assert!(lines[3].starts_with("\"a for linux/amd64\": \"sha256:"), "{text}");
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
        for (bytes, reason) in [("{}", "missing field"), ("{\"version\": 2}", "version 2"), ("[", "rbuild lock")] {
            std::fs::write(&path, bytes).unwrap();
            let error = Lock::read(path.clone()).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}

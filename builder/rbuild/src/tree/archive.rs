//! A tarball as a tree: owners, modes, attributes and times are those that it says. Knows no destination.

use super::digest::Digester;
use super::{Opened, Tree};
use crate::error::{Error, Result};
use rayon::prelude::*;
use rbuild_oci::{Cancel, Digest};
use rbuild_store::Store;
use rbuild_store::layer::{Archive, Entry, FileData, Limits, Node, compare_paths, is_below, show_path, split_path};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::{Mutex, PoisonError};

/// The files of an archive.
#[derive(Debug)]
pub struct ArchiveTree {
    name: String,
    archive: Archive,
    digests: Mutex<BTreeMap<Vec<u8>, Digest>>,
    cancel: Cancel,
}

impl ArchiveTree {
    /// Opens a tarball of any compression that nobody changes, called `name` in messages.
    pub fn open(name: &str, tarball: File, store: &Store, cancel: &Cancel) -> Result<Self> {
        let spool = || -> rbuild_store::Result<File> {
            let file = store.tmp_file()?;
            file.file().try_clone().map_err(rbuild_store::Error::io("open", file.path().display()))
        };
        let opened = Archive::open(tarball, &spool, Limits::default(), cancel);
        let archive = opened.map_err(|error| told(name, error))?;
        Ok(Self { name: name.to_owned(), archive, digests: Mutex::default(), cancel: cancel.clone() })
    }

    /// The time of its youngest regular file, in seconds since 1970.
    pub fn time(&self) -> Option<i64> {
        let files = self.archive.entries().iter().filter(|entry| matches!(entry.node, Node::File(_)));
        files.map(|entry| entry.mtime).max()
    }

    fn raw(&self, path: &[u8]) -> Option<&Entry> {
        let entries = self.archive.entries();
        let at = entries.binary_search_by(|entry| compare_paths(&entry.path, path)).ok()?;
        entries.get(at)
    }

    /// What a tree says of an entry: what is only implied is there, and where data lies is the archive's own affair.
    fn shown(&self, entry: &Entry) -> Entry {
        let node = match &entry.node {
            Node::Directory { .. } => Node::DIRECTORY,
            Node::File(data) => {
                let known = self.digests.lock().unwrap_or_else(PoisonError::into_inner).get(&entry.path).copied();
                Node::File(FileData { digest: known.unwrap_or(FileData::UNREAD), ..FileData::unread(data.size) })
            }
            other => other.clone(),
        };
        Entry { node, ..entry.clone() }
    }

    fn digest(&self, path: &[u8]) -> Result<Option<Digest>> {
        let Some(entry) = self.file(path) else { return Ok(None) };
        Digester::default().digest(self.archive.body(entry), path, &self.name, &self.cancel).map(Some)
    }

    /// The first name of the file at a path.
    fn file(&self, path: &[u8]) -> Option<&Entry> {
        let entry = self.raw(path)?;
        match &entry.node {
            Node::HardLink { target } => self.raw(target),
            _ => Some(entry),
        }
    }
}

impl Tree for ArchiveTree {
    fn name(&self) -> &str {
        &self.name
    }

    fn lookup(&self, path: &[u8]) -> Result<Option<Entry>> {
        let found = self.raw(path).zip(self.file(path));
        Ok(found.map(|(entry, file)| Entry { node: self.shown(file).node, ..entry.clone() }))
    }

    fn list(&self, directory: &[u8]) -> Result<Vec<Vec<u8>>> {
        let entries = self.archive.entries().iter().filter(|entry| !entry.path.is_empty());
        let mut names: Vec<Vec<u8>> = entries
            .map(|entry| split_path(&entry.path))
            .filter(|(above, _)| *above == directory)
            .map(|(_, name)| name.to_vec())
            .collect();
        names.sort();
        Ok(names)
    }

    fn walk(&self, directory: &[u8]) -> Result<Vec<Entry>> {
        let inside = |entry: &&Entry| !entry.path.is_empty() && is_below(&entry.path, directory);
        Ok(self.archive.entries().iter().filter(inside).map(|entry| self.shown(entry)).collect())
    }

    fn digest_all(&self, entries: &mut [Entry]) -> Result<()> {
        let unread = |entry: &&mut Entry| matches!(&entry.node, Node::File(data) if !data.is_read());
        entries.par_iter_mut().filter(unread).try_for_each(|entry| {
            let digest = self.digest(&entry.path)?;
            if let (Node::File(data), Some(digest)) = (&mut entry.node, digest) {
                data.digest = digest;
                let own = self.file(&entry.path).map_or_else(|| entry.path.clone(), |file| file.path.clone());
                self.digests.lock().unwrap_or_else(PoisonError::into_inner).insert(own, digest);
            }
            Ok(())
        })
    }

    fn open(&self, path: &[u8], _: Digest) -> Result<Opened<'_>> {
        let missing = || Error::NotFound { path: show_path(path), place: self.name.clone(), hint: None };
        Ok(Opened::data(self.archive.body(self.file(path).ok_or_else(missing)?)))
    }
}

/// An error that is the archive's own fault, said of it; one of this machine stays as it is.
fn told(name: &str, error: rbuild_store::Error) -> Error {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    match error {
        rbuild_store::Error::Canceled(canceled) => canceled.into(),
        rbuild_store::Error::Io { ref source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded) => {
            error.into()
        }
        other => Error::Step(format!("cannot use {name}: {other}")),
    }
}

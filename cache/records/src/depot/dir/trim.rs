//! Bounding a directory's size: what was not used for longest goes first. Safe beside writers: what is younger than an
//! hour stays, and what is renewed while it is being removed comes back.

use super::{BLOBS, DirDepot, Kind, Local, TMP, blob_place, if_there, is_young, new_file, sheet};
use crate::error::{Error, Result};
use rbuild_oci::{Digest, Timestamp};
use rbuild_store::RootDir;
use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

/// What a trim did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// How many documents were removed.
    pub documents: u64,
    /// How many blobs were removed.
    pub blobs: u64,
    /// The bytes that both had.
    pub freed: u64,
    /// The bytes that are left. They are more than was allowed where all of it is younger than an hour.
    pub left: u64,
}

impl DirDepot {
    /// Removes the blobs that no document names, then the documents that were neither read nor written for longest with
    /// the blobs that only they name, until at most `limit` bytes are left. What is younger than an hour stays.
    pub fn trim(&self, limit: u64) -> Result<Trimmed> {
        let trim = || -> Local<Trimmed> {
            let Some(root) = self.root()? else { return Ok(Trimmed::default()) };
            sweep(&root)?;
            Inventory::of(&root)?.trim(limit)
        };
        trim().map_err(|error| Error::depot(self, "trim", "what was not used for long", error))
    }
}

/// Removes what a killed process left behind in tmp.
pub(super) fn sweep(root: &RootDir) -> Local<()> {
    for entry in if_there(root.list(TMP.as_bytes()))?.unwrap_or_default() {
        let path = [TMP.as_bytes(), b"/", &entry.name].concat();
        let old = if_there(root.stat(&path))?.is_some_and(|meta| !is_young_at(meta.mtime));
        if old {
            if_there(root.remove(&path))?;
        }
    }
    Ok(())
}

/// What there is.
struct Inventory<'r> {
    root: &'r RootDir,
    /// By the time of the last use.
    documents: Vec<Document>,
    blobs: BTreeMap<Digest, Blob>,
    done: Trimmed,
}

struct Document {
    used: Timestamp,
    path: Vec<u8>,
    size: u64,
    blobs: Vec<Digest>,
}

struct Blob {
    size: u64,
    /// How many documents name it.
    named: u64,
}

impl<'r> Inventory<'r> {
    fn of(root: &'r RootDir) -> Local<Self> {
        let mut found = Self { root, documents: Vec::new(), blobs: BTreeMap::new(), done: Trimmed::default() };
        found.list_blobs()?;
        for kind in Kind::ALL {
            found.list_documents(kind)?;
        }
        found.documents.sort_by(|a, b| (a.used, &a.path).cmp(&(b.used, &b.path)));
        Ok(found)
    }

    fn list_blobs(&mut self) -> Local<()> {
        for entry in if_there(self.root.list(BLOBS.as_bytes()))?.unwrap_or_default() {
            let digest = std::str::from_utf8(&entry.name).ok().and_then(|hex| Digest::from_hex(hex).ok());
            let Some(digest) = digest else { continue };
            let Some(meta) = if_there(self.root.stat(blob_place(&digest).as_bytes()))? else { continue };
            if meta.is_file() {
                self.done.left += meta.size;
                self.blobs.insert(digest, Blob { size: meta.size, named: 0 });
            }
        }
        Ok(())
    }

    fn list_documents(&mut self, kind: Kind) -> Local<()> {
        let Some(walk) = if_there(self.root.walk(kind.word().as_bytes()))? else { return Ok(()) };
        for entry in walk {
            let Some(entry) = if_there(entry)? else { continue };
            if !entry.meta.is_file() {
                continue;
            }
            let path = [kind.word().as_bytes(), b"/", &entry.path].concat();
            let Some(file) = if_there(self.root.open_file(&path))? else { continue };
            // One that cannot be read names nothing, and goes when it is old.
            let blobs = sheet::blobs(file).unwrap_or_default();
            for blob in &blobs {
                if let Some(blob) = self.blobs.get_mut(blob) {
                    blob.named += 1;
                }
            }
            let (used, size) = (entry.meta.mtime, entry.meta.size);
            self.done.left += size;
            self.documents.push(Document { used, path, size, blobs });
        }
        Ok(())
    }

    fn trim(mut self, limit: u64) -> Local<Trimmed> {
        let unnamed: Vec<Digest> =
            self.blobs.iter().filter(|(_, blob)| blob.named == 0).map(|(digest, _)| *digest).collect();
        for digest in unnamed {
            self.remove_blob(&digest)?;
        }
        for document in std::mem::take(&mut self.documents) {
            if self.done.left <= limit {
                break;
            }
            self.remove_document(&document)?;
        }
        Ok(self.done)
    }

    fn remove_document(&mut self, document: &Document) -> Local<()> {
        if !self.remove(&document.path, document.size)? {
            return Ok(());
        }
        self.done.documents += 1;
        for digest in &document.blobs {
            let Some(blob) = self.blobs.get_mut(digest) else { continue };
            blob.named -= 1;
            if blob.named == 0 {
                self.remove_blob(digest)?;
            }
        }
        Ok(())
    }

    fn remove_blob(&mut self, digest: &Digest) -> Local<()> {
        let Some(size) = self.blobs.get(digest).map(|blob| blob.size) else { return Ok(()) };
        if self.remove(blob_place(digest).as_bytes(), size)? {
            self.done.blobs += 1;
            self.blobs.remove(digest);
        }
        Ok(())
    }

    /// Removes a file unless it is young; whether it did. It is moved away before its time is looked at: whoever renews
    /// it either finds it gone, or is seen to have renewed it.
    fn remove(&mut self, path: &[u8], size: u64) -> Local<bool> {
        let young = |path: &[u8]| -> Local<Option<bool>> {
            Ok(if_there(self.root.stat(path))?.map(|meta| is_young_at(meta.mtime)))
        };
        if young(path)? != Some(false) {
            return Ok(false);
        }
        let (aside, _) = new_file(self.root)?;
        let aside = aside.as_bytes();
        if if_there(self.root.rename(path, aside))?.is_none() {
            self.root.remove(aside)?;
            return Ok(false);
        }
        let renewed = young(aside)? == Some(true);
        if renewed {
            match self.root.hardlink(aside, path) {
                Err(error) if !error.is_taken() => return self.root.rename(aside, path).map(|()| false),
                _ => {}
            }
        }
        // Who tidies tmp at the same time may have been there before.
        if_there(self.root.remove(aside))?;
        if !renewed {
            self.done.freed += size;
            self.done.left -= size;
        }
        Ok(!renewed)
    }
}

fn is_young_at(time: Timestamp) -> bool {
    let since = Duration::new(time.seconds.try_into().unwrap_or(0), time.nanos);
    UNIX_EPOCH.checked_add(since).is_some_and(is_young)
}

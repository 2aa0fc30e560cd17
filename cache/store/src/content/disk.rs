//! Blobs as files of an OCI image layout. Knows where they lie, not what they are.

use super::{Blob, BlobWriter, ContentStore, expect};
use crate::error::{Error, Result, if_there};
use crate::layout::Store;
use crate::tmp::TmpFile;
use rbuild_oci::{Digest, Hasher};
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;

/// The blobs of a store: `blobs/sha256/<digest>`, mode 0444. They land by rename, so a killed process leaves a file in
/// tmp at worst; they are brought to the disk by [`crate::durable::sync_batch`], not here.
#[derive(Clone, Debug)]
pub struct DiskContent {
    store: Store,
}

impl Store {
    /// The blobs of this store.
    pub fn content(&self) -> DiskContent {
        DiskContent { store: self.clone() }
    }
}

impl DiskContent {
    /// The blob as the file that it is, as [`ContentStore::open`] gives it.
    pub(crate) fn open_file(&self, digest: &Digest) -> Result<Option<File>> {
        let path = self.store.blob_path(digest);
        match if_there(File::open(&path)).map_err(Error::io("open", path.display()))? {
            Some(file) if self.store.rely(&path)? => Ok(Some(file)),
            _ => Ok(None),
        }
    }

    /// Takes in a file (of [`Store::tmp_file`]) that the caller hashed while writing it. Fine if the blob is there
    /// already: the one that is there stays.
    pub fn adopt(&self, file: TmpFile, digest: &Digest) -> Result<()> {
        let place = self.store.blob_path(digest);
        let size = file.file().metadata().map_err(Error::io("stat", file.path().display()))?.len();
        if self.size(digest)? == Some(size) {
            return Ok(());
        }
        let read_only = file.file().set_permissions(Permissions::from_mode(0o444));
        read_only.map_err(Error::io("change the mode of", place.display()))?;
        self.store.land(file, &place)
    }
}

impl ContentStore for DiskContent {
    fn open(&self, digest: &Digest) -> Result<Option<Box<dyn Blob>>> {
        Ok(self.open_file(digest)?.map(|file| Box::new(file) as Box<dyn Blob>))
    }

    fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        let path = self.store.blob_path(digest);
        match if_there(path.metadata()).map_err(Error::io("find", path.display()))? {
            Some(meta) if self.store.rely(&path)? => Ok(Some(meta.len())),
            _ => Ok(None),
        }
    }

    fn writer(&self) -> Result<Box<dyn BlobWriter>> {
        Ok(Box::new(DiskWriter { place: self.clone(), file: self.store.tmp_file()?, hasher: Hasher::new() }))
    }

    fn remove(&self, digest: &Digest) -> Result<bool> {
        let path = self.store.blob_path(digest);
        let removed = if_there(fs::remove_file(&path)).map_err(Error::io("remove", path.display()))?;
        Ok(removed.is_some())
    }

    fn list(&self) -> Result<Vec<Digest>> {
        let directory = self.store.blobs();
        let list = || fs::read_dir(&directory)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>();
        let names = list().map_err(Error::io("list", directory.display()))?;
        let mut found: Vec<Digest> = names.iter().filter_map(|name| Digest::from_hex(name.to_str()?).ok()).collect();
        found.sort_unstable();
        Ok(found)
    }
}

struct DiskWriter {
    place: DiskContent,
    file: TmpFile,
    hasher: Hasher,
}

impl Write for DiskWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.file().write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobWriter for DiskWriter {
    fn commit(self: Box<Self>, expected: Option<&Digest>) -> Result<Digest> {
        let digest = expect(self.hasher.finish(), expected)?;
        self.place.adopt(self.file, &digest)?;
        Ok(digest)
    }
}

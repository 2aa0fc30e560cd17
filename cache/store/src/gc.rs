//! Removing content that nobody needs any more. Knows digests and which files live for which; what is needed is the
//! caller's to say.

use crate::error::{Error, Result};
use crate::layout::{Bucket, Store};
use crate::lease::Sweep;
use crate::root_dir::RootDir;
use rbuild_oci::Digest;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    /// The blobs, sorted.
    pub blobs: Vec<Digest>,
    /// The bytes of all files that went, compressed forms and indexes included; snapshots are not counted.
    pub bytes: u64,
}

impl Store {
    /// Removes these blobs and everything that lives for them: indexes, compressed forms, snapshots of stacks that are
    /// called like one of them. What is not here is passed over.
    pub fn remove(&self, unneeded: &BTreeSet<Digest>, sweep: &Sweep) -> Result<Freed> {
        let _ = sweep;
        let mut freed = Freed::default();
        for digest in unneeded {
            if let Some(bytes) = remove_file(&self.blob_path(digest))? {
                freed.blobs.push(*digest);
                freed.bytes += bytes;
            }
        }
        for bucket in [Bucket::Index, Bucket::Encoded] {
            let directory = self.dir(bucket);
            for name in dependents(&directory, unneeded)? {
                freed.bytes += remove_file(&directory.join(name))?.unwrap_or_default();
            }
        }
        self.remove_snapshots(unneeded)?;
        Ok(freed)
    }

    fn remove_snapshots(&self, unneeded: &BTreeSet<Digest>) -> Result<()> {
        let root = RootDir::open(&self.dir(Bucket::Snapshots))?;
        for driver in root.list(b"")? {
            for id_map in root.list(&driver.name)? {
                let home = [&driver.name[..], b"/", &id_map.name].concat();
                let path = self.dir(Bucket::Snapshots).join(String::from_utf8_lossy(&home).as_ref());
                for name in dependents(&path, unneeded)? {
                    root.remove_tree(&[&home[..], b"/", name.as_bytes()].concat())?;
                }
            }
        }
        Ok(())
    }
}

/// The names in a directory that begin with one of these digests.
fn dependents(directory: &Path, digests: &BTreeSet<Digest>) -> Result<Vec<String>> {
    let list = || -> io::Result<Vec<String>> {
        fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    };
    let names = match list() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other.map_err(Error::io("list", directory.display()))?,
    };
    let lives_for = |name: &String| {
        let digest = name.get(..64).and_then(|hex| Digest::from_hex(hex).ok());
        digest.is_some_and(|digest| digests.contains(&digest))
    };
    Ok(names.into_iter().filter(lives_for).collect())
}

/// Removes a file; its size, if there was one.
fn remove_file(path: &Path) -> Result<Option<u64>> {
    let remove = || -> io::Result<u64> {
        let size = fs::symlink_metadata(path)?.len();
        fs::remove_file(path)?;
        Ok(size)
    };
    match remove() {
        Ok(size) => Ok(Some(size)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("remove", path.display())(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lives_for_a_blob_goes_with_it() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("store")).unwrap();
        let (gone, kept) = (store.put_document(b"gone").unwrap(), store.put_document(b"kept").unwrap());
        for digest in [gone, kept] {
            fs::write(store.layer_index_path(&rbuild_oci::DiffId(digest)), "index").unwrap();
            fs::write(store.encoded_path(&rbuild_oci::DiffId(digest), "gzip-6"), "gz").unwrap();
            let snapshot = store.dir(Bucket::Snapshots).join("overlay/root").join(digest.hex()).join("fs/d");
            fs::create_dir_all(snapshot).unwrap();
        }
        let sweep = store.sweep().unwrap().unwrap();
        let freed = store.remove(&BTreeSet::from([gone, Digest::of(b"never")]), &sweep).unwrap();
        assert_eq!(freed, Freed { blobs: vec![gone], bytes: 4 + 5 + 2 });
        let left = |bucket: &str| fs::read_dir(store.root().join(bucket)).unwrap().count();
        assert_eq!((left("blobs/sha256"), left("index.v1"), left("encoded.v1")), (1, 1, 1));
        assert_eq!(left("snapshots.v1/overlay/root"), 1);
    }
}

//! Who is at work on a store. Everybody who builds or runs holds a shared lock for the life of the process; who removes
//! content holds it alone, so nothing goes while somebody may be about to use it. Taking a lease writes nothing where
//! nothing was left behind, and a process that dies gives its lease back.

use crate::error::{Error, Result};
use crate::layout::{Bucket, LOCK, Store, open_lock};
use crate::tmp;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::os::fd::OwnedFd;

/// The right to rely on content of the store, until it is dropped.
#[derive(Debug)]
pub struct Lease {
    _lock: OwnedFd,
}

/// The right to remove content of the store, until it is dropped.
#[derive(Debug)]
pub struct Sweep {
    _lock: OwnedFd,
}

impl Store {
    /// Takes a lease, before the first look at what is in the store. Waits while somebody removes content, which is
    /// short. Who is the first to come sweeps what killed processes left in tmp.
    pub fn lease(&self) -> Result<Lease> {
        if let Some(_alone) = self.sweep()? {
            tmp::sweep(&self.dir(Bucket::Tmp))?;
        }
        let lock = self.open_lock()?;
        rustix::io::retry_on_intr(|| flock(&lock, FlockOperation::LockShared))
            .map_err(Error::io("lock", "the store"))?;
        Ok(Lease { _lock: lock })
    }

    /// The right to remove content; none while anybody holds a lease.
    pub fn sweep(&self) -> Result<Option<Sweep>> {
        let lock = self.open_lock()?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Sweep { _lock: lock })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(Error::io("lock", "the store")(errno)),
        }
    }

    fn open_lock(&self) -> Result<OwnedFd> {
        let path = self.dir(Bucket::Leases).join(LOCK);
        open_lock(&path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_keep_sweeps_away() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("store")).unwrap();
        let (one, two) = (store.lease().unwrap(), store.lease().unwrap());
        assert!(store.sweep().unwrap().is_none());
        drop(one);
        assert!(store.sweep().unwrap().is_none());
        drop(two);
        let sweep = store.sweep().unwrap();
        assert!(sweep.is_some() && store.sweep().unwrap().is_none());
        drop(sweep);
        drop(store.lease().unwrap());
    }

    #[test]
    fn a_store_that_was_half_made_is_made_whole() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("store");
        let store = Store::open(&root).unwrap();
        drop(store.lease().unwrap());
        for path in ["blobs/sha256", "tmp.v1"] {
            std::fs::remove_dir_all(root.join(path)).unwrap();
        }
        std::fs::remove_file(root.join("leases.v1/.lock")).unwrap();
        let store = Store::open(&root).unwrap();
        drop(store.lease().unwrap());
        store.put_document(b"x").unwrap();
    }

    #[test]
    fn what_a_killed_process_left_goes_with_the_next_that_comes_alone() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("store")).unwrap();
        let tmp = store.dir(Bucket::Tmp);
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
        std::fs::create_dir_all(tmp.join("1-0/below")).unwrap();
        std::fs::write(tmp.join("1-0/below/file"), "x").unwrap();
        for name in ["1-1", "1-2"] {
            std::fs::write(tmp.join(name), "x").unwrap();
        }
        for name in ["1-0", "1-1"] {
            std::fs::File::open(tmp.join(name)).unwrap().set_modified(old).unwrap();
        }
        let names = || {
            let mut names: Vec<_> = std::fs::read_dir(&tmp).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let other = Store::open(store.root()).unwrap().open_lock().unwrap();
        flock(&other, FlockOperation::LockShared).unwrap();
        drop(store.lease().unwrap());
        assert_eq!(names(), ["1-0", "1-1", "1-2"], "somebody else is at work");
        drop(other);
        drop(store.lease().unwrap());
        assert_eq!(names(), ["1-2"], "it may be of a process that has no lease yet");
    }
}

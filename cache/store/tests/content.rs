//! Stores of blobs against the suite of the trait, other processes, damage and full disks.

#![allow(clippy::unwrap_used)] // helpers of tests

use rbuild_oci::{Cancel, Digest};
use rbuild_store::content::{ContentStore, DiskContent, MemoryContent, Verified, put, read};
use rbuild_store::testing::{FailingContent, Fault, conformance};
use rbuild_store::{Bucket, Error, Store};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;

fn fixture() -> (tempfile::TempDir, Store, DiskContent) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store")).unwrap();
    let content = store.content();
    (dir, store, content)
}

fn tmp_is_empty(store: &Store) -> bool {
    fs::read_dir(store.dir(Bucket::Tmp)).unwrap().next().is_none()
}

#[test]
fn both_kinds_conform() {
    let (_dir, store, content) = fixture();
    assert_eq!(conformance(&content).unwrap(), Vec::<String>::new());
    assert!(tmp_is_empty(&store));
    assert_eq!(conformance(&MemoryContent::new()).unwrap(), Vec::<String>::new());
    let whole = FailingContent::new(MemoryContent::new(), usize::MAX, Fault::Any, io::ErrorKind::Other);
    assert_eq!(conformance(&whole).unwrap(), Vec::<String>::new());
}

#[test]
fn the_suite_notices_a_store_that_fails() {
    let full = FailingContent::full_disk(MemoryContent::new());
    let error = conformance(&full).unwrap_err().to_string();
    assert!(error.contains("no storage space"), "{error}");
}

#[test]
fn a_failure_at_any_point_leaves_nothing_and_can_be_tried_again() {
    let (_dir, store, content) = fixture();
    for operations in 0.. {
        let failing = FailingContent::new(content.clone(), operations, Fault::Any, io::ErrorKind::StorageFull);
        let Err(error) = put(&failing, b"some bytes") else { break };
        assert!(error.hint().unwrap().contains("free space"), "{error}");
        assert!(tmp_is_empty(&store) && content.list().unwrap().is_empty());
    }
    assert_eq!(read(&content, &Digest::of(b"some bytes"), 99).unwrap().unwrap(), b"some bytes");
}

#[test]
fn blobs_are_read_only_and_bytes_that_are_there_are_not_written_again() {
    let (_dir, store, content) = fixture();
    let digest = put(&content, b"x").unwrap();
    let meta = || fs::metadata(store.blob_path(&digest)).unwrap();
    assert_eq!(meta().permissions().mode() & 0o7777, 0o444);
    let tmp = || fs::metadata(store.dir(Bucket::Tmp)).unwrap().modified().unwrap();
    let before = (meta().modified().unwrap(), tmp());
    put(&content, b"x").unwrap();
    assert_eq!((meta().modified().unwrap(), tmp()), before);
}

#[test]
fn a_hashed_file_is_adopted() {
    let (_dir, store, content) = fixture();
    let file = store.tmp_file().unwrap();
    file.file().write_all(b"layer").unwrap();
    let digest = Digest::of(b"layer");
    content.adopt(file, &digest).unwrap();
    assert_eq!(read(&content, &digest, 5).unwrap().unwrap(), b"layer");
    assert_eq!(read(&content, &digest, 5).unwrap().unwrap(), b"layer");
    assert!(tmp_is_empty(&store));
}

#[test]
fn damage_is_noticed_and_a_truncated_blob_is_replaced() {
    let (_dir, store, content) = fixture();
    let digest = put(&content, b"whole").unwrap();
    let path = store.blob_path(&digest);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "wh").unwrap();
    assert!(matches!(read(&content, &digest, 99), Err(Error::Corrupt { .. })));
    let reader = content.open(&digest).unwrap().unwrap();
    assert!(Verified::new(reader, digest).read_to_end(&mut Vec::new()).is_err());
    put(&content, b"whole").unwrap();
    assert_eq!(read(&content, &digest, 99).unwrap().unwrap(), b"whole");
}

/// Run by the test below in processes of their own.
#[test]
fn child_that_writes() {
    let Some(root) = std::env::var_os("STORE_OF_PARENT") else { return };
    let content = Store::open(root.as_ref()).unwrap().content();
    for number in 0..200_u32 {
        put(&content, &number.to_le_bytes().repeat(1_000)).unwrap();
    }
}

#[test]
fn processes_race_on_the_same_blobs_and_on_making_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("deep/store");
    let spawn = || {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_writes"])
            .env("STORE_OF_PARENT", &root)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    for mut child in (0..6).map(|_| spawn()).collect::<Vec<_>>() {
        assert!(child.wait().unwrap().success());
    }
    let store = Store::open(&root).unwrap();
    let content = store.content();
    let all = content.list().unwrap();
    assert_eq!(all.len(), 200);
    assert!(all.iter().all(|digest| read(&content, digest, 4_000).unwrap().unwrap().len() == 4_000));
    assert!(tmp_is_empty(&store));
}

/// A file system of 256 KiB; unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let flags = rustix::mount::MountFlags::empty();
        rustix::mount::mount("none", dir.path(), "tmpfs", flags, Some(c"size=256k")).ok()?;
        Some(Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        rustix::mount::unmount(self.0.path(), rustix::mount::UnmountFlags::DETACH).unwrap();
    }
}

#[test]
fn a_disk_that_is_really_full() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("SKIP: a small disk needs CAP_SYS_ADMIN");
        return;
    };
    let store = Store::open(disk.0.path()).unwrap();
    let content = store.content();
    let error = put(&content, &vec![1; 1 << 20]).unwrap_err();
    assert!(error.to_string().contains("No space left"), "{error}");
    assert!(error.hint().unwrap().contains("--root"));
    assert!(tmp_is_empty(&store) && content.list().unwrap().is_empty());
    let mut filled = BTreeSet::new();
    for number in 0..=u8::MAX {
        let Ok(digest) = put(&content, &vec![number; 20_000]) else { break };
        filled.insert(digest);
    }
    assert!(store.put_document(&vec![0; 30_000]).is_err(), "it is full");
    let freed = store.sweep(&Cancel::new()).unwrap().remove(&filled, &BTreeSet::new()).unwrap();
    assert_eq!(freed.blobs.len(), filled.len());
    put(&content, b"small").unwrap();
}

//! Leases and removal: what goes, what stays, and who waits for whom.

#![allow(clippy::unwrap_used)] // helpers of tests

use rbuild_oci::{Cancel, ChainId, DiffId, Digest};
use rbuild_store::content::{ContentStore, put};
use rbuild_store::{Bucket, Error, Freed, GroupKind, Store, note_of};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

fn fixture() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store")).unwrap();
    (dir, store)
}

/// What another process has of the same store.
fn other(store: &Store) -> Store {
    Store::open(store.root()).unwrap()
}

fn age(path: &Path) {
    age_by(path, 60);
}

fn age_by(path: &Path, seconds: u64) {
    fs::File::open(path).unwrap().set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
}

/// A blob that was made a minute ago.
fn old(store: &Store, bytes: &[u8]) -> Digest {
    let digest = put(&store.content(), bytes).unwrap();
    age(&store.blob_path(&digest));
    digest
}

fn here(store: &Store) -> Vec<Digest> {
    other(store).content().list().unwrap()
}

fn remove(store: &Store, digests: &[Digest]) -> Freed {
    store.sweep(&Cancel::new()).unwrap().remove(&digests.iter().copied().collect(), &BTreeSet::new()).unwrap()
}

fn remove_all(store: &Store) -> Freed {
    let mut sweep = store.sweep(&Cancel::new()).unwrap();
    sweep.remove(&here(store).into_iter().collect(), &BTreeSet::new()).unwrap()
}

fn leases(store: &Store) -> usize {
    fs::read_dir(store.dir(Bucket::Leases))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name() != ".lock")
        .count()
}

#[test]
fn what_lives_for_a_blob_goes_with_it() {
    let (_dir, store) = fixture();
    let (kept, gone) = (old(&store, b"kept"), old(&store, b"gone"));
    for digest in [kept, gone] {
        let snapshot = store.snapshot_path("copy", "0", &ChainId(digest));
        fs::create_dir_all(snapshot.join("fs/usr")).unwrap();
        let (index, encoded) = (store.layer_index_path(&DiffId(digest)), store.encoded_path(&DiffId(digest), "gzip-6"));
        fs::write(&index, "index").unwrap();
        fs::write(&encoded, "gz").unwrap();
        for path in [snapshot, index, encoded] {
            age(&path);
        }
    }
    let freed = remove(&store, &[gone, Digest::of(b"never")]);
    assert_eq!(freed, Freed { blobs: vec![gone], kept: vec![] });
    assert_eq!(here(&store), [kept]);
    let left = |bucket: &str| fs::read_dir(store.root().join(bucket)).unwrap().count();
    assert_eq!((left("index.v1"), left("encoded.v1"), left("snapshots.v1/copy/0"), left("tmp.v1")), (1, 1, 1, 0));
}

#[test]
fn the_note_of_a_cache_mount_goes_with_it() {
    let (_dir, store) = fixture();
    let mount = store.dir(Bucket::Mounts).join("m");
    fs::create_dir(&mount).unwrap();
    fs::write(note_of(&mount), "{}").unwrap();
    fs::write(mount.with_file_name("m.lock"), "").unwrap();
    for path in [note_of(&mount), mount.with_file_name("m.lock"), mount.clone()] {
        age_by(&path, 86_400);
    }
    let mut groups = store.groups().unwrap();
    groups.retain(|group| group.kind == GroupKind::Mount);
    assert_eq!((groups.len(), groups[0].name()), (1, "m".to_owned()));
    assert_eq!(store.sweep(&Cancel::new()).unwrap().discard(groups).unwrap().gone.len(), 1);
    assert!(!mount.exists() && !note_of(&mount).exists());
}

#[test]
fn what_is_needed_stays_and_a_cache_that_nobody_uses_goes() {
    const DAY: u64 = 86_400;
    let (_dir, store) = fixture();
    let [needed, recent, unused] = [b"needed", b"recent", b"unused"].map(|bytes| put(&store.content(), bytes).unwrap());
    for (digest, days) in [(needed, 99), (recent, 29), (unused, 31)] {
        age_by(&store.blob_path(&digest), days * DAY);
    }
    let mut caches = Vec::new();
    for place in ["git.v1/checkouts", "git.v1/repositories", "files.v1", "builds.v1", "mounts.v1", "volumes.v1"] {
        for (name, days) in [("recent", 29), ("unused", 31)] {
            let path = store.root().join(place).join(name);
            fs::create_dir_all(path.join("files")).unwrap();
            age_by(&path, days * DAY);
            caches.push(path);
        }
    }
    let both = BTreeSet::from([needed]);
    let freed = store.sweep(&Cancel::new()).unwrap().remove(&both, &both).unwrap();
    assert_eq!(freed, Freed { blobs: vec![unused], kept: vec![] });
    let stays = |path: &&std::path::PathBuf| {
        path.ends_with("recent")
            || path.starts_with(store.dir(Bucket::Mounts))
            || path.starts_with(store.dir(Bucket::Volumes))
    };
    assert_eq!(
        caches.iter().filter(|path| path.exists()).collect::<Vec<_>>(),
        caches.iter().filter(stays).collect::<Vec<_>>()
    );
    let user = other(&store);
    user.lease().unwrap();
    user.hold().unwrap();
    let checkout = store.dir(Bucket::Git).join("checkouts/recent");
    age_by(&checkout, 31 * DAY);
    assert!(user.rely(&checkout).unwrap());
    remove(&store, &[]);
    assert!(checkout.exists());
}

#[test]
fn many_things_go_in_several_steps() {
    let (_dir, store) = fixture();
    let all: Vec<Digest> = (0..350_u32).map(|number| old(&store, &number.to_le_bytes())).collect();
    assert_eq!(remove(&store, &all).blobs.len(), 350);
    assert!(here(&store).is_empty());
}

#[test]
fn what_a_live_lease_made_or_used_stays_until_it_ends() {
    let (_dir, store) = fixture();
    let [before, after, unused] = [b"before", b"after.", b"unused"].map(|bytes| old(&store, bytes));
    let builder = other(&store);
    builder.lease().unwrap();
    assert!(builder.content().size(&before).unwrap().is_some());
    let made = put(&builder.content(), b"made").unwrap();
    assert_eq!(leases(&store), 1);
    assert!(builder.content().open(&after).unwrap().is_some());
    let freed = remove_all(&store);
    assert_eq!((freed.blobs, freed.kept.len()), (vec![unused], 3));
    let mut left = vec![before, after, made];
    left.sort();
    assert_eq!(here(&store), left);
    assert!(builder.content().size(&unused).unwrap().is_none() && builder.content().open(&unused).unwrap().is_none());
    drop(builder);
    assert_eq!(leases(&store), 0);
    assert_eq!(remove_all(&store).blobs.len(), 3);
}

#[test]
fn one_thing_that_is_relied_on_keeps_all_that_lives_for_its_digest() {
    let (_dir, store) = fixture();
    let digest = old(&store, b"layer");
    let index = store.layer_index_path(&DiffId(digest));
    fs::write(&index, "index").unwrap();
    age(&index);
    let builder = other(&store);
    builder.lease().unwrap();
    builder.hold().unwrap();
    assert!(builder.layers().has(&DiffId(digest)).unwrap());
    assert_eq!(remove_all(&store).kept, [digest]);
    assert!(index.exists());
}

#[test]
fn what_is_made_again_counts_as_made_now() {
    let (_dir, store) = fixture();
    let digest = old(&store, b"twice");
    let builder = other(&store);
    builder.lease().unwrap();
    let mut writer = builder.content().writer().unwrap();
    writer.write_all(b"twice").unwrap();
    writer.commit(None).unwrap();
    assert_eq!(remove_all(&store).kept, [digest]);
}

#[test]
fn looking_writes_nothing_and_makes_a_removal_wait() {
    let (_dir, store) = fixture();
    let seen = old(&store, b"seen");
    drop(other(&store).lease());
    let changed = || {
        let of = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
        (of(&store.dir(Bucket::Leases)), of(&store.dir(Bucket::Tmp)), of(&store.blob_path(&seen)))
    };
    let before = changed();
    let looker = other(&store);
    looker.lease().unwrap();
    assert!(looker.content().size(&seen).unwrap().is_some());
    assert_eq!(changed(), before);
    std::thread::scope(|scope| {
        let removal = scope.spawn(|| remove_all(&store));
        std::thread::sleep(Duration::from_millis(50));
        assert!(!removal.is_finished() && store.blob_path(&seen).exists());
        drop(looker);
        assert_eq!(removal.join().unwrap().blobs, [seen]);
    });
}

#[test]
fn a_waiting_removal_can_be_canceled() {
    let (_dir, store) = fixture();
    let digest = old(&store, b"x");
    let looker = other(&store);
    looker.lease().unwrap();
    let cancel = Cancel::new();
    std::thread::scope(|scope| {
        let removal = scope.spawn(|| store.sweep(&cancel)?.remove(&BTreeSet::from([digest]), &BTreeSet::new()));
        std::thread::sleep(Duration::from_millis(20));
        cancel.cancel();
        assert!(matches!(removal.join().unwrap(), Err(Error::Canceled(_))));
    });
}

/// Run by the tests below in processes of their own.
#[test]
fn child() {
    let (Some(root), Some(role)) = (std::env::var_os("STORE_OF_PARENT"), std::env::var_os("ROLE")) else { return };
    let store = Store::open(root.as_ref()).unwrap();
    match role.to_str().unwrap() {
        "dies" => {
            store.lease().unwrap();
            store.hold().unwrap();
            std::mem::forget(store);
            std::process::exit(0);
        }
        number => build(root.as_ref(), number.parse().unwrap()),
    }
}

fn start(store: &Store, role: &str) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child"])
        .env("STORE_OF_PARENT", store.root())
        .env("ROLE", role)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn the_lease_of_a_dead_process_counts_for_nothing() {
    let (_dir, store) = fixture();
    assert!(start(&store, "dies").wait().unwrap().success());
    assert_eq!(leases(&store), 1);
    put(&store.content(), b"made after the dead lease began").unwrap();
    assert_eq!(remove_all(&store).blobs.len(), 1);
    assert_eq!(leases(&store), 0);
}

/// Many short builds, each of which finds or makes a few of the same blobs and must have them to its end.
fn build(root: &Path, seed: u64) {
    for round in 0..100_u64 {
        let store = Store::open(root).unwrap();
        store.lease().unwrap();
        let (content, mut relied) = (store.content(), Vec::new());
        for number in 0..4_u64 {
            let bytes = ((seed * 7 + round + number * 5) % 40).to_le_bytes();
            relied.push(put(&content, &bytes).unwrap());
            assert!(relied.iter().all(|digest| store.blob_path(digest).exists()), "{seed} lost one in round {round}");
        }
        if seed.is_multiple_of(2) {
            store.hold().unwrap();
        }
        std::thread::sleep(Duration::from_micros(seed * 300));
        assert!(relied.iter().all(|digest| store.blob_path(digest).exists()), "{seed} lost one after round {round}");
        store.release();
        std::thread::sleep(Duration::from_millis(10 + 3 * seed));
    }
}

#[test]
fn builders_and_removers_race_and_no_builder_loses_what_it_uses() {
    let (_dir, store) = fixture();
    let mut processes: Vec<_> = (0..3).map(|number| start(&store, &number.to_string())).collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (3..6)
            .map(|number| {
                scope.spawn({
                    let root = store.root();
                    move || build(root, number)
                })
            })
            .collect();
        let (mut removed, mut kept, mut rounds) = (0, 0, 0);
        while !threads.iter().all(std::thread::ScopedJoinHandle::is_finished)
            || processes.iter_mut().any(|process| process.try_wait().unwrap().is_none())
        {
            let freed = remove_all(&store);
            (removed, kept, rounds) = (removed + freed.blobs.len(), kept + freed.kept.len(), rounds + 1);
        }
        eprintln!("{removed} blobs removed and {kept} kept in {rounds} rounds");
        assert!(removed > 0 && kept > 0, "nothing was tested: {removed} removed, {kept} kept");
    });
    assert!(processes.iter_mut().all(|process| process.wait().unwrap().success()));
}

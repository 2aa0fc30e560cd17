//! What a check finds, and what mending leaves alone.

use super::*;
use rbuild_oci::{Descriptor, DiffId};
use rbuild_store::content::ContentStore;
use rbuild_store::{Bucket, FarBlob};
use std::fs;

fn found(store: &Store) -> Vec<Finding> {
    check(store, &|_, _| {}, &Cancel::new()).unwrap().findings
}

#[test]
fn notes_of_far_layers_are_no_damage_and_unreadable_ones_go() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let layer = DiffId(Digest::of(b"layer"));
    let blob = Descriptor::of("application/vnd.oci.image.layer.v1.tar", b"blob");
    store.layers().note_far(&layer, None, &FarBlob { place: "docker://r/a".to_owned(), blob, index: None }).unwrap();
    assert_eq!(found(&store), []);
    let path = store.dir(Bucket::Encoded).join(format!("{}.far.json", Digest::of(b"other").hex()));
    fs::write(&path, "garbage").unwrap();
    let findings = found(&store);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].subject.ends_with("of where a layer can be had from"), "{findings:?}");
    let good = fs::read(store.dir(Bucket::Encoded).join(format!("{}.far.json", layer.0.hex()))).unwrap();
    fs::write(&path, good).unwrap();
    assert_eq!(mend(&store, &findings[0], &Cancel::new()).unwrap(), Mended::Yes);
    assert!(path.exists(), "what is right by now stays");
    fs::write(&path, "garbage").unwrap();
    assert_eq!(mend(&store, &findings[0], &Cancel::new()).unwrap(), Mended::Yes);
    assert!(!path.exists() && store.layers().far(&layer).unwrap().is_some());
}

#[test]
fn what_cannot_be_read_is_told_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let digest = Digest::of(b"content");
    // A directory opens and does not read, whoever asks.
    fs::create_dir_all(store.blob_path(&digest)).unwrap();
    let name = store.dir(Bucket::Encoded).join("x.gzip.json");
    fs::create_dir_all(&name).unwrap();
    let findings = found(&store);
    assert_eq!(findings.iter().map(|finding| &finding.remedy).collect::<Vec<_>>(), [&Remedy::None; 2], "{findings:?}");
    let finding = Finding { remedy: Remedy::Blob(digest), ..findings[0].clone() };
    assert_eq!(mend(&store, &finding, &Cancel::new()).unwrap(), Mended::No);
    assert!(name.exists() && store.blob_path(&digest).exists());
}

#[test]
fn who_is_asked_to_stop_removes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let digest = rbuild_store::content::put(&store.content(), b"content").unwrap();
    let remedy = Remedy::Blob(digest);
    let text = String::new;
    let finding = Finding { subject: text(), wrong: text(), meaning: "", advice: "", remedy };
    let cancel = Cancel::new();
    cancel.cancel();
    assert!(mend(&store, &finding, &cancel).unwrap_err().is_canceled());
    assert!(store.content().has(&digest).unwrap());
}

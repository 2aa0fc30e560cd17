//! Layers that are noted to be elsewhere: who reads one has it brought, once; who asks does not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests: a panic is how they fail

use rbuild_oci::{Cancel, Descriptor, DiffId, MediaType};
use rbuild_store::layer::{Body, Entry, FileData, LayerIndex, Node};
use rbuild_store::{Bring, Far, FarBlob, Result, Store};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

/// The tarball of a layer with one file.
fn tarball(name: &str) -> (DiffId, Vec<u8>, LayerIndex) {
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(&place.path().join("store")).unwrap();
    let mut writer = store.layers().writer(None, &Cancel::new()).unwrap();
    let entry = Entry::new(name, Node::File(FileData::unread(name.len() as u64)), 0o644);
    writer.add(entry, Body::Bytes(name.as_bytes())).unwrap();
    let landed = store.layers().land(writer.finish().unwrap()).unwrap();
    let bytes = std::fs::read(store.blob_path(&landed.layer.diff_id.0)).unwrap();
    (landed.layer.diff_id, bytes, landed.index)
}

/// A place that has layers, and indexes where `lends` says so.
#[derive(Debug, Default)]
struct Shed {
    layers: BTreeMap<DiffId, Vec<u8>>,
    indexes: BTreeMap<DiffId, LayerIndex>,
    calls: AtomicUsize,
    brought: AtomicUsize,
}

impl Shed {
    fn with(names: &[&str]) -> Self {
        let layers = names.iter().map(|name| tarball(name)).map(|(id, bytes, _)| (id, bytes)).collect();
        Self { layers, ..Self::default() }
    }
}

impl Bring for Shed {
    fn layers(&self, store: &Store, wanted: &[(DiffId, Far)]) -> Result<()> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        for (layer, far) in wanted {
            self.brought.fetch_add(1, Ordering::SeqCst);
            let Some(bytes) = self.layers.get(layer) else {
                let (layer, place) = (layer.to_string(), far.blobs[0].place.clone());
                return Err(rbuild_store::Error::Far { layer, place, reason: "gone".into(), hint: String::new() });
            };
            store.layers().ingest(&**bytes, layer, &Cancel::new())?;
        }
        Ok(())
    }

    fn index(&self, _: &Store, layer: &DiffId, _: &Far) -> Result<Option<LayerIndex>> {
        Ok(self.indexes.get(layer).cloned())
    }

    fn open(&self, _: &Store, layer: &DiffId, _: &FarBlob) -> Result<Box<dyn Read + Send>> {
        Ok(Box::new(Cursor::new(self.layers[layer].clone())))
    }
}

fn blob(place: &str) -> FarBlob {
    FarBlob { place: place.to_owned(), blob: Descriptor::of(MediaType::OCI_LAYER, b"x"), index: None }
}

/// The same of a place that has the layer's index by itself.
fn lending(place: &str) -> FarBlob {
    FarBlob { index: Some(Descriptor::of("application/octet-stream", b"i")), ..blob(place) }
}

fn store() -> (tempfile::TempDir, Store) {
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(&place.path().join("store")).unwrap();
    (place, store)
}

#[test]
fn who_reads_a_layer_has_it_brought_and_who_asks_does_not() {
    let (_place, store) = store();
    let (id, _, index) = tarball("one");
    let shed = Arc::new(Shed::with(&["one"]));
    let store = store.bringing(shed.clone());
    let layers = store.layers();
    assert!(layers.index(&id).unwrap_err().is_not_found(), "nothing is noted of it");
    assert!(layers.note_far(&id, Some(2048), &blob("shed")).unwrap());
    assert_eq!((layers.has(&id).unwrap(), layers.known(&id).unwrap().unwrap().size), (false, Some(2048)));
    assert_eq!(shed.brought.load(Ordering::SeqCst), 0);
    assert_eq!(layers.index(&id).unwrap(), index);
    let entry = index.get(b"one").unwrap();
    let mut text = String::new();
    layers.read_file(&id, entry).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!((text.as_str(), shed.brought.load(Ordering::SeqCst)), ("one", 1));
    assert!(store.onlooker().layers().has(&id).unwrap());
    let (found, far) = layers.far_blob(&blob("shed").blob.digest).unwrap().unwrap();
    let mut bytes = Vec::new();
    layers.open_far(&found, &far).unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!((found, bytes), (id, tarball("one").1));
}

#[test]
fn an_index_that_a_place_has_by_itself_brings_no_layer() {
    let (_place, store) = store();
    let (id, _, index) = tarball("one");
    let shed = Arc::new(Shed { indexes: BTreeMap::from([(id, index.clone())]), ..Shed::with(&["one"]) });
    let store = store.bringing(shed.clone());
    store.layers().note_far(&id, None, &lending("shed")).unwrap();
    assert_eq!(store.layers().index(&id).unwrap(), index);
    assert_eq!(store.layers().kept_index(&id).unwrap(), Some(index));
    assert_eq!((store.layers().has(&id).unwrap(), shed.brought.load(Ordering::SeqCst)), (false, 0));
}

#[test]
fn an_index_that_was_wrong_is_put_right_by_its_layer() {
    let (_place, store) = store();
    let ((id, _, index), (_, _, other)) = (tarball("one"), tarball("other"));
    let shed = Arc::new(Shed { indexes: BTreeMap::from([(id, other.clone())]), ..Shed::with(&["one"]) });
    let store = store.bringing(shed);
    store.layers().note_far(&id, None, &lending("shed")).unwrap();
    assert_eq!(store.layers().index(&id).unwrap(), other);
    store.layers().bring(&[id]).unwrap();
    assert_eq!(store.layers().index(&id).unwrap(), index);
}

#[test]
fn an_index_is_not_taken_where_a_place_has_the_layer_only() {
    let (_place, store) = store();
    let ((id, _, index), (_, _, other)) = (tarball("one"), tarball("other"));
    let shed = Arc::new(Shed { indexes: BTreeMap::from([(id, other)]), ..Shed::with(&["one"]) });
    let store = store.bringing(shed);
    store.layers().note_far(&id, None, &blob("registry")).unwrap();
    store.layers().note_far(&id, None, &lending("shed")).unwrap();
    assert_eq!((store.layers().index(&id).unwrap(), store.layers().has(&id).unwrap()), (index, true));
}

#[test]
fn a_layer_that_is_made_here_puts_an_index_right_too() {
    let (_place, store) = store();
    let ((id, _, index), (_, _, other)) = (tarball("one"), tarball("other"));
    let shed = Arc::new(Shed { indexes: BTreeMap::from([(id, other.clone())]), ..Shed::default() });
    let store = store.bringing(shed);
    store.layers().note_far(&id, None, &lending("shed")).unwrap();
    assert_eq!(store.layers().index(&id).unwrap(), other);
    let mut writer = store.layers().writer(None, &Cancel::new()).unwrap();
    writer.add(Entry::new("one", Node::File(FileData::unread(3)), 0o644), Body::Bytes(b"one")).unwrap();
    assert_eq!(store.layers().land(writer.finish().unwrap()).unwrap().layer.diff_id, id);
    assert_eq!(store.layers().index(&id).unwrap(), index);
}

#[test]
fn who_comes_after_a_layer_was_missed_is_told_so() {
    let (_place, store) = store();
    let (id, ..) = tarball("one");
    let store = store.bringing(Arc::new(Shed::default()));
    store.layers().note_far(&id, None, &blob("shed")).unwrap();
    store.layers().forget_far(&id, "shed").unwrap();
    for failure in [store.layers().bring(&[id]).unwrap_err(), store.layers().index(&id).unwrap_err()] {
        assert!(matches!(failure, rbuild_store::Error::Lost { .. }), "{failure}");
    }
}

#[test]
fn several_threads_have_a_layer_brought_once_and_a_stack_at_once() {
    let (_place, store) = store();
    let names = ["one", "two", "three"];
    let shed = Arc::new(Shed::with(&names));
    let store = store.bringing(shed.clone());
    let ids: Vec<DiffId> = names.iter().map(|name| tarball(name).0).collect();
    for id in &ids {
        store.layers().note_far(id, None, &blob("shed")).unwrap();
    }
    let start = Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                start.wait();
                store.layers().bring(&ids).unwrap();
                assert!(ids.iter().all(|id| store.layers().has(id).unwrap()));
            });
        }
    });
    assert_eq!((shed.calls.load(Ordering::SeqCst), shed.brought.load(Ordering::SeqCst)), (1, 3));
}

#[test]
fn a_layer_that_is_nowhere_is_an_error_and_is_not_believed_again() {
    let (_place, store) = store();
    let (id, ..) = tarball("one");
    let store = store.bringing(Arc::new(Shed::default()));
    let layers = store.layers();
    layers.note_far(&id, None, &blob("shed")).unwrap();
    layers.note_far(&id, None, &blob("barn")).unwrap();
    let said = layers.index(&id).unwrap_err().to_string();
    assert!(said.contains(&id.to_string()) && said.contains("barn") && said.contains("gone"), "{said}");
    layers.forget_far(&id, "barn").unwrap();
    assert_eq!(layers.far(&id).unwrap().unwrap().blobs, [blob("shed")]);
    layers.forget_far(&id, "shed").unwrap();
    assert_eq!((layers.far(&id).unwrap(), layers.far_note(&id)), (None, None));
    assert!(!layers.note_far(&id, None, &blob("shed")).unwrap());
    assert!(layers.known(&id).unwrap().is_none());
}

#[test]
fn a_note_lives_as_long_as_what_lives_for_its_layer() {
    let (_place, store) = store();
    let (id, ..) = tarball("one");
    store.layers().note_far(&id, None, &blob("shed")).unwrap();
    let group = store.groups().unwrap().into_iter().find(|group| group.digest() == Some(id.0)).unwrap();
    assert_eq!(group.paths, [store.layers().far_note(&id).unwrap()]);
}

//! How fast layers are listed, packed, unpacked, taken in and compressed, between real directories and a real store:
//! `cargo bench -p rbuild-store`.

#![allow(clippy::unwrap_used)] // what is wrong with an input ends the bench

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use rbuild_oci::{Cancel, DiffId};
use rbuild_store::layer::{Codec, Format, Ownership, compress};
use rbuild_store::snapshot::{list_tree, pack_tree};
use rbuild_store::{Landed, RootDir, Store};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn main() {
    divan::main();
}

/// Trees of a context's shape: many small files, and few large ones.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Small,
    Large,
}

const SHAPES: [Shape; 2] = [Shape::Small, Shape::Large];

impl Shape {
    /// How many files of how many bytes.
    fn files(self) -> (usize, usize) {
        match self {
            Self::Small => (2000, 4 << 10),
            Self::Large => (2, 32 << 20),
        }
    }

    fn make(self, top: &Path) {
        let (files, size) = self.files();
        for number in 0..files {
            let directory = top.join(format!("part{:02}", number / 100));
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join(format!("file{number}")), words(size, number as u64)).unwrap();
        }
    }

    fn bytes(self) -> BytesCount {
        let (files, size) = self.files();
        BytesCount::new(files * size)
    }
}

/// Text that compresses about as source code does, the same for the same seed.
fn words(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = Vec::with_capacity(size + 16);
    while text.len() < size {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let word = (state >> 33) as u32;
        text.extend_from_slice(format!("{:x} ", word % 4096).as_bytes());
    }
    text.truncate(size);
    text
}

/// A tree in a directory, and an empty store beside it.
struct Place {
    directory: TempDir,
    tree: RootDir,
    store: Store,
}

impl Place {
    fn new(shape: Shape) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let top = directory.path().join("tree");
        shape.make(&top);
        let store = Store::open(&directory.path().join("store")).unwrap();
        Self { tree: RootDir::open(&top).unwrap(), directory, store }
    }

    /// Packs the tree into the store.
    fn pack(&self) -> Landed {
        let cancel = Cancel::new();
        let entries = list_tree(&self.tree, Ownership::Apply, &cancel).unwrap().entries;
        let writer = self.store.layers().writer(None, &cancel).unwrap();
        self.store.layers().land(pack_tree(&self.tree, entries, writer).unwrap()).unwrap()
    }

    /// The tarball of its layer.
    fn tarball(&self) -> (DiffId, Vec<u8>) {
        let layer = self.pack().layer.diff_id;
        (layer, fs::read(self.store.blob_path(&layer.0)).unwrap())
    }
}

#[divan::bench(sample_count = 20)]
fn list(bencher: Bencher<'_, '_>) {
    let place = Place::new(Shape::Small);
    let list = || list_tree(&place.tree, Ownership::Apply, &Cancel::new()).unwrap();
    bencher.counter(ItemsCount::new(Shape::Small.files().0)).bench(list);
}

#[divan::bench(args = SHAPES, sample_count = 20)]
fn pack(bencher: Bencher<'_, '_>, shape: Shape) {
    let place = Place::new(shape);
    bencher.counter(shape.bytes()).bench(|| place.pack());
}

#[divan::bench(args = SHAPES, sample_count = 20)]
fn unpack(bencher: Bencher<'_, '_>, shape: Shape) {
    let place = Place::new(shape);
    let layer = place.pack().layer.diff_id;
    // Removed together at the end: where many files went away, ext4 is slow to make new ones.
    let target = || tempfile::tempdir_in(&place.directory).unwrap().keep();
    bencher.counter(shape.bytes()).with_inputs(target).bench_values(|target| {
        place.store.layers().unpack_into(&[layer], &target, Ownership::Recorded, &Cancel::new()).unwrap();
    });
}

#[divan::bench(args = SHAPES, sample_count = 20)]
fn take_in_a_tarball(bencher: Bencher<'_, '_>, shape: Shape) {
    let place = Place::new(shape);
    let (layer, tarball) = place.tarball();
    let ingest = || place.store.layers().ingest(&*tarball, &layer, &Cancel::new()).unwrap();
    bencher.counter(shape.bytes()).bench(ingest);
}

#[divan::bench(args = [Format::Gzip, Format::Zstd], sample_count = 20)]
fn compress_a_layer(bencher: Bencher<'_, '_>, format: Format) {
    let (_, tarball) = Place::new(Shape::Small).tarball();
    let codec = Codec::new(format, None).unwrap();
    let squeeze = || compress(&mut &*tarball, codec, &mut std::io::sink(), &Cancel::new()).unwrap();
    bencher.counter(BytesCount::new(tarball.len())).bench(squeeze);
}

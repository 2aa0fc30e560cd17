//! Layers as registries have them: every compression, any number of members and frames, and what is no layer.

use crate::fixture::{dir, file, pack, run};
use rbuild_oci::{Cancel, DiffId, Digest};
use rbuild_store::Store;
use rbuild_store::layer::{Codec, Format, Ingested, Limits, compress, ingest};

fn take(blob: &[u8], limits: Limits) -> Result<(Ingested, Vec<u8>), String> {
    let mut out = Vec::new();
    let taken = ingest(blob, &mut out, limits, &Cancel::new());
    taken.map(|taken| (taken, out)).map_err(|error| error.to_string())
}

fn compressed(plain: &[u8], format: Format) -> Vec<u8> {
    let mut blob = Vec::new();
    compress(&mut &*plain, Codec::new(format, None).unwrap(), &mut blob, &Cancel::new()).unwrap();
    blob
}

#[test]
fn every_compression_gives_the_same_layer() {
    let packed = pack(&[dir("d"), file("d/f", &"text ".repeat(900_000))]);
    let (head, tail) = packed.out.split_at(packed.out.len() / 3);
    let tool = |name: &str| run(name, &["-c"], &packed.out);
    let pieces = |name: &str| [run(name, &["-c"], head), run(name, &["-c"], &[]), run(name, &["-c"], tail)].concat();
    let (gzip, zstd) = (compressed(&packed.out, Format::Gzip), compressed(&packed.out, Format::Zstd));
    // A frame that is to be skipped (RFC 8878, 3.1.2), before, between and behind frames of data.
    let skip: &[u8] = b"\x5a\x2a\x4d\x18\x03\0\0\0abc";
    let skipped = [skip, &run("zstd", &["-c"], head), skip, &run("zstd", &["-c"], tail), skip].concat();
    let long = run("zstd", &["-c", "--long=27"], &packed.out);
    let tools = ["gzip", "bzip2", "xz", "zstd"];
    let blobs =
        [packed.out.clone(), gzip, zstd, skipped, long].into_iter().chain(tools.map(tool)).chain(tools.map(pieces));
    for (number, blob) in blobs.enumerate() {
        let (taken, out) = take(&blob, Limits::default()).unwrap_or_else(|error| panic!("{number}: {error}"));
        assert_eq!((taken.diff_id, taken.size, &taken.index), (packed.diff_id, packed.size, &packed.index), "{number}");
        assert!(out == packed.out, "{number}");
    }
}

#[test]
fn a_blob_that_does_not_hold_the_layer_is_refused_and_nothing_is_left() {
    let place = tempfile::tempdir().unwrap();
    let store = Store::open(&place.path().join("store")).unwrap();
    let packed = pack(&[file("f", &"text ".repeat(1000))]);
    let blob = compressed(&packed.out, Format::Gzip);
    let other = DiffId(Digest::of(b"other"));
    for (what, blob, diff_id, said) in [
        ("other diff id", blob.clone(), &other, "its tarball has the digest sha256:"),
        ("cut", blob[..blob.len() / 2].to_vec(), &packed.diff_id, "cannot read the archive"),
        ("no gzip", [&blob[..20], &[0xff; 50]].concat(), &packed.diff_id, "cannot read the archive"),
        ("no tarball", vec![7; 2000], &packed.diff_id, "archive"),
        ("garbage behind", [&*blob, b"garbage"].concat(), &packed.diff_id, "cannot read the archive"),
    ] {
        let taken = store.layers().ingest(&*blob, diff_id, &Cancel::new()).map(drop);
        let checked = store.layers().check(&*blob, diff_id, &Cancel::new());
        for result in [taken, checked] {
            let error = result.expect_err(what).to_string();
            assert!(error.contains(said), "{what}: {error}");
        }
    }
    store.layers().check(&*blob, &packed.diff_id, &Cancel::new()).unwrap();
    assert_eq!(std::fs::read_dir(store.dir(rbuild_store::Bucket::Tmp)).unwrap().count(), 0);
    assert!(!store.layers().has(&packed.diff_id).unwrap());
    assert_eq!(store.layers().ingest(&*blob, &packed.diff_id, &Cancel::new()).unwrap().size, Some(packed.size));
}

#[test]
fn a_bomb_is_refused_by_its_ratio() {
    let limits = Limits { slack: 1 << 20, ..Limits::default() };
    for format in [Format::Gzip, Format::Zstd] {
        let error = take(&compressed(&vec![0; 64 << 20], format), limits).unwrap_err();
        assert!(error.contains("more than 250 times larger"), "{error}");
    }
}

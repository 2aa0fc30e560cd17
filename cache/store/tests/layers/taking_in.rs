//! Layers as registries have them: every compression, and every way in which a blob can be wrong.

use crate::fixture::{dir, file, pack, run};
use rbuild_oci::{Cancel, Descriptor, DiffId, Digest, MediaType};
use rbuild_store::layer::{Codec, Format, Ingested, Limits, compress, ingest};

fn take(blob: &[u8], expected: &Descriptor, diff_id: Option<&DiffId>) -> Result<(Ingested, Vec<u8>), String> {
    take_within(blob, expected, diff_id, Limits::default())
}

fn take_within(
    blob: &[u8],
    expected: &Descriptor,
    diff_id: Option<&DiffId>,
    limits: Limits,
) -> Result<(Ingested, Vec<u8>), String> {
    let mut out = Vec::new();
    let taken = ingest(&mut &*blob, expected, diff_id, &mut out, limits, &Cancel::new());
    taken.map(|taken| (taken, out)).map_err(|error| error.to_string())
}

fn gzip(plain: &[u8]) -> (Vec<u8>, Descriptor) {
    let mut blob = Vec::new();
    let codec = Codec::new(Format::Gzip, None).unwrap();
    let descriptor = compress(&mut &*plain, codec, &mut blob, &Cancel::new()).unwrap();
    (blob, descriptor)
}

#[test]
fn every_compression_gives_the_same_layer() {
    let packed = pack(&[dir("d"), file("d/f", &"text ".repeat(900_000))]);
    let (gzip, _) = gzip(&packed.out);
    let mut zstd = Vec::new();
    compress(&mut &*packed.out, Codec::new(Format::Zstd, None).unwrap(), &mut zstd, &Cancel::new()).unwrap();
    let tool = |name: &str| run(name, &["-c"], &packed.out);
    for blob in [packed.out.clone(), gzip, zstd, tool("gzip"), tool("bzip2"), tool("xz")] {
        let expected = Descriptor::of(MediaType::OCI_LAYER, &blob);
        let (taken, out) = take(&blob, &expected, Some(&packed.diff_id)).unwrap();
        assert_eq!((taken.diff_id, taken.size, &taken.index), (packed.diff_id, packed.size, &packed.index));
        assert!(out == packed.out);
    }
}

#[test]
fn a_blob_that_is_not_what_it_should_be_is_refused() {
    let packed = pack(&[file("f", &"text ".repeat(1000))]);
    let (blob, right) = gzip(&packed.out);
    let other = DiffId(Digest::of(b"other"));
    let longer = Descriptor { size: right.size + 1, ..right.clone() };
    let shorter = Descriptor { size: right.size - 1, ..right.clone() };
    let elsewhere = Descriptor { digest: Digest::of(b"other"), ..right.clone() };
    for (what, blob, expected, diff_id, said) in [
        ("other digest", blob.clone(), &elsewhere, None, "is damaged: its content is sha256:"),
        ("too short", blob.clone(), &longer, None, "bytes, its descriptor says"),
        ("too long", blob.clone(), &shorter, None, "it has more than the"),
        ("cut", blob[..blob.len() / 2].to_vec(), &right, None, right.digest.hex().as_str()),
        ("other diff id", blob.clone(), &right, Some(&other), "the image says sha256:"),
        ("no gzip", [&blob[..20], &[0xff; 50]].concat(), &right, None, right.digest.hex().as_str()),
    ] {
        let error = take(&blob, expected, diff_id).expect_err(what);
        assert!(error.contains(said), "{what}: {error}");
    }
}

#[test]
fn a_bomb_is_refused_by_its_ratio() {
    let (blob, descriptor) = gzip(&vec![0; 64 << 20]);
    let limits = Limits { slack: 1 << 20, ..Limits::default() };
    let error = take_within(&blob, &descriptor, None, limits).unwrap_err();
    assert!(error.contains("more than 250 times larger"), "{error}");
    assert!(error.contains(&descriptor.digest.to_string()), "{error}");
}

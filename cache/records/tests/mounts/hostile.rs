//! Depots that lie: nothing they say gets out of a mount's directory, fills the disk, or leaves a half of anything.

use crate::world::{ID, MOST, Machine, noise};
use rbuild_oci::{Descriptor, Digest, Timestamp};
use rbuild_records::depot::{Depot, MemoryDepot};
use rbuild_records::mounts::{Manifest, Piece, name};
use std::io::Cursor;

/// A manifest of these pieces, whose blobs are put.
fn manifest(depot: &MemoryDepot, pieces: &[&[u8]]) -> Manifest {
    let piece = |bytes: &&[u8]| {
        let packed = zstd::bulk::compress(bytes, 3).unwrap();
        let blob = Descriptor::of(Piece::MEDIA_TYPE, &packed);
        depot.put(&blob, &|| Ok(Box::new(Cursor::new(packed.clone())))).unwrap();
        Piece { digest: Digest::of(bytes), size: bytes.len() as u64, blob }
    };
    let (size, pieces) = (pieces.iter().map(|bytes| bytes.len() as u64).sum(), pieces.iter().map(piece).collect());
    Manifest { version: 1, identity: ID.to_owned(), size, when: Timestamp::from_seconds(1), pieces }
}

/// That a manifest is refused, and why; nothing is left of it.
fn refused(depot: &MemoryDepot, manifest: &Manifest) -> String {
    depot.put_document(&name(ID), &manifest.to_bytes().unwrap(), &[]).unwrap();
    let machine = Machine::new();
    let error = machine.try_bring(depot).map(|arrived| arrived.is_some()).unwrap_err();
    assert_eq!((machine.left_over(), machine.mount().exists()), (0, false));
    error.to_string()
}

/// A tarball of entries: name, type, link target, content.
fn tarball(entries: &[(&str, u8, &str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, kind, target, content) in entries {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[108..116].copy_from_slice(b"0000000\0");
        header[116..124].copy_from_slice(b"0000000\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        header[136..148].copy_from_slice(b"00000000000\0");
        header[148..156].fill(b' ');
        header[156] = *kind;
        header[157..157 + target.len()].copy_from_slice(target.as_bytes());
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

#[test]
fn documents_that_make_no_sense_are_refused() {
    let depot = MemoryDepot::default();
    let good = manifest(&depot, &[&tarball(&[("f", b'0', "", b"x")])]);
    let piece = good.pieces[0].clone();
    let with = |pieces: Vec<Piece>, size| Manifest { pieces, size, ..good.clone() };
    let huge = Piece { size: 5 << 20, ..piece.clone() };
    let fat = Piece { blob: Descriptor { size: 1 << 30, ..piece.blob.clone() }, ..piece.clone() };
    let endless = Piece { size: u64::MAX, ..piece.clone() };
    for (bad, why) in [
        (Manifest { version: 2, ..good.clone() }, "version 2"),
        (Manifest { identity: "other".to_owned(), ..good.clone() }, "another mount"),
        (with(vec![piece.clone()], good.size + 1), "impossible sizes"),
        (with(vec![huge], 5 << 20), "impossible sizes"),
        (with(vec![fat], good.size), "impossible sizes"),
        (with(vec![endless.clone(), endless], good.size), "impossible sizes"),
        (with(vec![piece; 3], MOST + 1), "more than"),
    ] {
        let said = refused(&depot, &bad);
        assert!(said.contains(why) && said.contains("memory"), "{why}: {said}");
    }
    depot.put_document(&name(ID), b"{", &[]).unwrap();
    assert!(Machine::new().try_bring(&depot).unwrap_err().to_string().contains("cannot be read"));
}

#[test]
fn pieces_that_are_not_what_they_should_be_are_refused() {
    let depot = MemoryDepot::default();
    let good = manifest(&depot, &[&tarball(&[("f", b'0', "", &noise(5000, 1))])]);
    let piece = &good.pieces[0];
    let other = Piece { digest: Digest::of(b"other"), ..piece.clone() };
    let longer = Piece { size: piece.size + 512, ..piece.clone() };
    let absent = Piece { blob: Descriptor::of(Piece::MEDIA_TYPE, b"absent"), ..piece.clone() };
    let no_frame = Descriptor::of(Piece::MEDIA_TYPE, b"no frame");
    depot.put(&no_frame, &|| Ok(Box::new(Cursor::new(b"no frame")))).unwrap();
    let no_frame = Piece { blob: no_frame, ..piece.clone() };
    for (piece, why) in [
        (other, "not those of its digest"),
        (longer, "not those of its digest"),
        (absent, "not there"),
        (no_frame, "cannot be decompressed"),
    ] {
        let said = refused(&depot, &Manifest { size: piece.size, pieces: vec![piece], ..good.clone() });
        assert!(said.contains(why), "{why}: {said}");
    }
}

#[test]
fn a_piece_that_is_a_bomb_is_not_blown_up() {
    let depot = MemoryDepot::default();
    let bomb = manifest(&depot, &[&vec![0; 64 << 20]]);
    let small = Piece { size: 1 << 20, ..bomb.pieces[0].clone() };
    let said = refused(&depot, &Manifest { size: 1 << 20, pieces: vec![small], ..bomb });
    assert!(said.contains("cannot be decompressed"), "{said}");
}

#[test]
fn tarballs_that_lead_out_are_refused_or_stay_in() {
    let depot = MemoryDepot::default();
    let said = refused(&depot, &manifest(&depot, &[&tarball(&[("../escaped", b'0', "", b"x")])]));
    assert!(said.contains("leads out"), "{said}");
    let said = refused(&depot, &manifest(&depot, &[&tarball(&[("h", b'1', "../../escaped", b"")])]));
    assert!(said.contains("leads out"), "{said}");

    let outside = tempfile::tempdir().unwrap();
    let through = tarball(&[("l", b'2', outside.path().to_str().unwrap(), b""), ("l/escaped", b'0', "", b"x")]);
    let found = manifest(&depot, &[&through]);
    depot.put_document(&name(ID), &found.to_bytes().unwrap(), &[]).unwrap();
    let machine = Machine::new();
    // Whether it is refused or led back into the mount is the unpacker's affair.
    drop(
        machine
            .try_bring(&depot)
            .map(|arrived| arrived.map(|arrived| arrived.settle(&machine.ground(), &machine.mount()))),
    );
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    assert!(!machine.place.path().join("escaped").exists());
}

#[test]
fn files_larger_than_the_tarball_are_refused() {
    let depot = MemoryDepot::default();
    let mut bomb = tarball(&[("f", b'0', "", b"x")]);
    bomb[124..136].copy_from_slice(b"77777777777\0");
    bomb[148..156].fill(b' ');
    let sum: u32 = bomb[..512].iter().map(|byte| u32::from(*byte)).sum();
    bomb[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let said = refused(&depot, &manifest(&depot, &[&bomb]));
    assert!(said.contains("more than"), "{said}");
}

//! Tarballs that mean harm or are broken: a clear error or a harmless result, and never a change outside the target.

use crate::fixture::{OVERLAY, is_root, scan, target, unpack_onto};
use rbuild_oci::Cancel;
use rbuild_store::layer::{Limits, Style, View, index_tar};

/// A tar entry from its fields, the checksum made right.
pub(crate) struct Raw<'a> {
    pub(crate) path: &'a [u8],
    pub(crate) kind: u8,
    pub(crate) target: &'a [u8],
    pub(crate) size: u64,
    pub(crate) body: &'a [u8],
}

const FILE: Raw<'_> = Raw { path: b"f", kind: b'0', target: b"", size: 0, body: b"" };

impl Raw<'_> {
    fn bytes(&self) -> Vec<u8> {
        self.patched(&[])
    }

    /// With other bytes at some places of the header.
    fn patched(&self, patches: &[(usize, &[u8])]) -> Vec<u8> {
        let mut block = vec![0; 512];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.path[..self.path.len().min(100)]);
        put(100, b"0000755\0");
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, format!("{:011o}\0", self.size.max(self.body.len() as u64)).as_bytes());
        put(136, b"00000000000\0");
        put(156, &[self.kind]);
        put(157, &self.target[..self.target.len().min(100)]);
        put(257, b"ustar\x0000");
        put(329, b"0000001\0");
        put(337, b"0000003\0");
        for (at, bytes) in patches {
            put(*at, bytes);
        }
        put(148, b"        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block.extend_from_slice(self.body);
        block.resize(block.len().next_multiple_of(512), 0);
        block
    }
}

fn file(path: &str) -> Vec<u8> {
    Raw { path: path.as_bytes(), body: b"x", ..FILE }.bytes()
}

fn link(path: &str, to: &str, kind: u8) -> Vec<u8> {
    Raw { path: path.as_bytes(), target: to.as_bytes(), kind, ..FILE }.bytes()
}

fn dir(path: &str) -> Vec<u8> {
    Raw { path: path.as_bytes(), kind: b'5', ..FILE }.bytes()
}

fn pax(records: &str) -> Vec<u8> {
    Raw { path: b"pax", kind: b'x', body: records.as_bytes(), ..FILE }.bytes()
}

fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let length = (rest..rest + 9).find(|length| rest + length.to_string().len() == *length).unwrap();
    format!("{length} {key}={value}\n")
}

/// Unpacks in both styles into a directory with neighbours, and sees that those are as before.
fn unpacked(entries: &[Vec<u8>]) -> Result<String, String> {
    let tarball = [entries.concat(), vec![0; 1024]].concat();
    let mut results = Vec::new();
    for style in [Style::Plain, OVERLAY] {
        let target = target();
        let outside = target.holder.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("f"), "untouched").unwrap();
        let result = unpack_onto(&tarball, &target, style, &View::default());
        assert_eq!(std::fs::read_to_string(outside.join("f")).unwrap(), "untouched");
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
        assert_eq!(std::fs::read_dir(target.holder.path()).unwrap().count(), 2);
        results.push(result.map_err(|error| error.to_string()).map(|unpacked| {
            let paths = scan(&target.root).into_iter().skip(1).map(|(entry, _)| entry.path);
            let paths: Vec<_> = paths.map(|path| String::from_utf8(path).unwrap()).collect();
            let indexed = unpacked.index.entries().iter().skip(1).map(|entry| entry.path.clone());
            assert!(indexed.eq(paths.iter().map(|path| path.clone().into_bytes())), "the index tells the truth");
            paths.join(" ")
        }));
    }
    assert_eq!(results[0], results[1], "both styles agree");
    results.remove(0)
}

#[test]
fn escapes_stay_inside_or_are_refused() {
    if !is_root("escapes_stay_inside_or_are_refused") {
        return;
    }
    for (what, entries, expected) in [
        ("absolute", vec![file("/abs")], Ok("abs")),
        ("many slashes", vec![file(".//a///./b")], Ok("a a/b")),
        ("dot dot", vec![file("../outside/f")], Err("leads out of the archive")),
        ("dot dot within", vec![file("a/../../outside/f")], Err("leads out of the archive")),
        ("link to outside", vec![link("l", "../outside", b'2'), file("l/f")], Ok("l outside outside/f")),
        ("absolute link", vec![link("l", "/tmp", b'2'), file("l/f")], Ok("l tmp tmp/f")),
        ("link to itself", vec![link("l", "l", b'2'), file("l/f")], Err("symbolic links")),
        ("link through file", vec![link("l", "f", b'2'), file("f"), file("l/x")], Err("/f is no directory")),
        ("hard link outside", vec![link("h", "../outside/f", b'1')], Err("leads out of the archive")),
        ("hard link absolute", vec![link("h", "/etc/passwd", b'1')], Err("is not in the same layer")),
        (
            "hard link through link",
            vec![link("l", "../outside", b'2'), link("h", "l/f", b'1')],
            Err("is not in the same"),
        ),
        ("hard link to dir", vec![dir("d"), link("h", "d", b'1')], Err("is a directory")),
        ("hard link to itself", vec![file("h"), link("h", "h", b'1')], Err("would go with")),
        ("hard link to symlink", vec![link("l", "/etc/passwd", b'2'), link("h", "l", b'1')], Ok("h l")),
        ("file over link", vec![link("l", "../outside/f", b'2'), file("l")], Ok("l")),
        ("dir over link", vec![link("l", "../outside", b'2'), dir("l"), file("l/f")], Ok("l l/f")),
        ("file over dir", vec![dir("d"), file("d/x"), file("d")], Ok("d")),
        ("below a file", vec![file("f"), file("f/x")], Err("/f is no directory")),
        ("root as a file", vec![file("/")], Ok("")),
        ("root as a link", vec![link(".", "/etc", b'2')], Err("only a directory can be the root")),
        ("twice", vec![file("f"), dir("f"), link("f", "x", b'2'), file("f")], Ok("f")),
        ("whiteout of root", vec![file("a/.wh..")], Ok("")),
        ("whiteout up", vec![file("a/.wh...")], Ok("")),
        ("in a whiteout", vec![dir(".wh.d"), file(".wh.d/x")], Err("marks a deletion")),
        ("aufs", vec![dir(".wh..wh.plnk"), file(".wh..wh.plnk/x"), file("f")], Ok("f")),
        (
            "whiteout device",
            vec![Raw { path: b"c", kind: b'3', ..FILE }.patched(&[(329, b"0000000\0"), (337, b"0000000\0")])],
            Err("how overlays mark deletions"),
        ),
    ] {
        match (unpacked(&entries), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{what}"),
            (Err(said), Err(expected)) => assert!(said.contains(expected), "{what}: {said}"),
            (found, expected) => panic!("{what}: {found:?}, not {expected:?}"),
        }
    }
}

#[test]
fn links_keep_their_file_when_its_first_name_goes() {
    if !is_root("links_keep_their_file_when_its_first_name_goes") {
        return;
    }
    let entries = vec![file("a"), link("b", "a", b'1'), link("c", "b", b'1'), dir("a")];
    assert_eq!(unpacked(&entries).unwrap(), "a b c");
    let tarball = [entries.concat(), vec![0; 1024]].concat();
    let (index, ..) = index_tar(&mut &*tarball, Limits::default(), &Cancel::new()).unwrap();
    let first = index.first_name(index.get(b"c").unwrap()).unwrap();
    assert_eq!(first.path, b"b");
}

#[test]
fn a_sparse_file_survives_the_loss_of_its_first_name() {
    if !is_root("a_sparse_file_survives_the_loss_of_its_first_name") {
        return;
    }
    let records = [record("GNU.sparse.size", "9000"), record("GNU.sparse.map", "4096,3")].concat();
    let sparse = [pax(&records), Raw { size: 3, body: b"abc", ..FILE }.bytes()].concat();
    let tarball = [sparse, link("b", "f", b'1'), file("f"), vec![0; 1024]].concat();
    let target = target();
    unpack_onto(&tarball, &target, Style::Plain, &View::default()).unwrap();
    let (_, body) = &scan(&target.root)[1];
    assert_eq!((body.len(), &body[4090..4102]), (9000, &b"\0\0\0\0\0\0abc\0\0\0"[..]));
}

/// What a tarball may hold is judged by the whole of it, not again by the part that a file is.
#[test]
fn a_file_of_little_but_holes_comes_out_of_a_tarball_that_was_taken_in() {
    if !is_root("a_file_of_little_but_holes_comes_out_of_a_tarball_that_was_taken_in") {
        return;
    }
    const SIZE: u64 = 5 << 30;
    let data = vec![b'x'; 24 << 20];
    let records = [record("GNU.sparse.size", &SIZE.to_string()), record("GNU.sparse.map", "4096,3")].concat();
    let before = Raw { path: b"before", size: data.len() as u64, body: &data, ..FILE }.bytes();
    let sparse = [pax(&records), Raw { size: 3, body: b"abc", ..FILE }.bytes()].concat();
    let tarball = [before, sparse, vec![0; 1024]].concat();
    let target = target();
    unpack_onto(&tarball, &target, Style::Plain, &View::default()).unwrap();
    assert_eq!(target.root.stat(b"f").unwrap().size, SIZE);
}

#[test]
fn overlay_marks_in_a_tarball_are_dropped() {
    if !is_root("overlay_marks_in_a_tarball_are_dropped") {
        return;
    }
    let records = ["trusted.overlay.opaque", "user.overlay.redirect", "user.rbuild.stat", "user.kept"];
    let records: String = records.map(|name| record(&format!("SCHILY.xattr.{name}"), "y")).concat();
    let tarball = [pax(&records), dir("d"), vec![0; 1024]].concat();
    for style in [Style::Plain, OVERLAY] {
        let target = target();
        unpack_onto(&tarball, &target, style, &View::default()).unwrap();
        let names: Vec<_> = target.root.xattrs(b"d").unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, [b"user.kept".to_vec()]);
    }
}

fn indexed(tarball: &[u8], limits: Limits) -> Result<u64, String> {
    index_tar(&mut &*tarball, limits, &Cancel::new()).map(|(.., size)| size).map_err(|error| error.to_string())
}

#[test]
fn broken_tarballs_are_named_as_such() {
    let sized = |size: &[u8]| Raw { path: b"big", ..FILE }.patched(&[(124, size)]);
    let sparse = |map: &str, size: &str| {
        let records = [record("GNU.sparse.size", size), record("GNU.sparse.map", map)].concat();
        [pax(&records), file("s")].concat()
    };
    let long = "d/".repeat(32 << 10);
    for (what, tarball, expected) in [
        ("cut in a body", file("f")[..600].to_vec(), "/f is damaged: the archive ends in the middle of it"),
        ("cut in a header", file("f")[..300].to_vec(), "header at byte 0 is damaged"),
        ("bad checksum", [file("f"), vec![1; 512]].concat(), "header at byte 1024 is damaged"),
        ("random", vec![0x5a; 4096], "header at byte 0 is damaged"),
        ("no such type", Raw { kind: b'Q', ..FILE }.bytes(), "its type 'Q' is not known"),
        ("volume", Raw { kind: b'M', ..FILE }.bytes(), "another volume"),
        ("negative size", sized(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "out of range"),
        ("huge size", sized(b"\x80\0\0\0\x3f\xff\xff\xff\xff\xff\xff\xff"), "has more than 4398046511104 bytes"),
        ("huge base-256", sized(b"\x80\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "out of range"),
        ("path of 64 KiB", [pax(&record("path", &long)), file("f")].concat(), "has 65536 bytes, more than 4096"),
        ("name of 300 bytes", [pax(&record("path", &"n".repeat(300))), file("f")].concat(), "more than 255 bytes"),
        ("NUL in a path", [pax(&record("path", "a\0b")), file("f")].concat(), "has a NUL in it"),
        ("owner too large", [pax(&record("uid", "4294967295")), file("f")].concat(), "its owner 4294967295"),
        ("link to nothing", link("l", "", b'2'), "a symbolic link to nothing"),
        ("overlap", sparse("0,1,0,0", "9"), "overlaps itself"),
        ("map too small", sparse("0,0", "9"), "does not fit its data"),
        ("map too large", sparse("9,1", "9"), "larger than the file"),
        ("odd map", sparse("9", "9"), "sparse map is damaged"),
    ] {
        let said = indexed(&tarball, Limits::default()).expect_err(what);
        assert!(said.contains(expected), "{what}: {said}");
    }
    for fine in [vec![], vec![0; 10240], vec![0; 512], file("f")] {
        assert_eq!(indexed(&fine, Limits::default()), Ok(fine.len() as u64));
    }
}

#[test]
fn bombs_are_refused_before_they_go_off() {
    let limits = Limits { entries: 10, bytes: 1 << 30, header: 8 << 10, slack: 1 << 20, ..Limits::default() };
    let records = [record("GNU.sparse.size", "900000000"), record("GNU.sparse.map", "0,1")].concat();
    let extended = |size: u64| Raw { path: b"pax", kind: b'x', size, ..FILE }.bytes();
    let chain: Vec<u8> = std::iter::repeat_n(pax(&record("comment", &"c".repeat(400))), 100).flatten().collect();
    for (what, tarball, expected) in [
        ("many entries", file("f").repeat(11), "has more than 10 entries"),
        ("sparse file", [pax(&records), file("s")].concat(), "more than 250 times larger than itself"),
        ("extended header", extended(1 << 40), "have more than 8192 bytes"),
        ("many extended headers", chain, "have more than 8192 bytes"),
        ("long name", Raw { path: b"L", kind: b'L', size: 1 << 33, ..FILE }.bytes(), "have more than 8192 bytes"),
    ] {
        let said = indexed(&tarball, limits).expect_err(what);
        assert!(said.contains(expected), "{what}: {said}");
    }
}

#[test]
fn a_stop_ends_an_unpacking() {
    let cancel = Cancel::new();
    cancel.cancel();
    let tarball = file("f");
    let said = index_tar(&mut &*tarball, Limits::default(), &cancel).unwrap_err();
    assert!(matches!(said, rbuild_store::Error::Canceled(_)), "{said}");
}

//! What the writer refuses, notices and promises.

use crate::fixture::{Item, dir, file, node, pack, try_pack};
use rbuild_oci::{Cancel, Digest};
use rbuild_store::layer::{Body, Entry, FileData, LayerWriter, Node};
use rbuild_store::{Error, Meta, Settled};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn refusal(items: &[Item]) -> String {
    try_pack(items).unwrap_err().to_string()
}

#[test]
fn what_no_layer_can_hold_is_refused_by_name() {
    let to = |target: &str| Node::HardLink { target: target.into() };
    let mut odd = file("f", "");
    odd.0.xattrs.insert(b"user.a=b".to_vec(), Vec::new());
    for (items, reason) in [
        (vec![file("d/.wh.x", "")], "/d/.wh.x is refused: names that begin with .wh."),
        (vec![dir(".wh.d")], "/.wh.d is refused"),
        (vec![file("b", ""), file("a", "")], "/a is refused: it comes out of order"),
        (vec![file("a", ""), file("a", "")], "/a is refused: it comes out of order or twice"),
        (vec![file("a", ""), file("a/b", "")], "/a/b is refused: its parent is no directory"),
        (vec![node("a", to("b")), file("b", "")], "/b is refused: a hard link needs"),
        (vec![dir("a"), node("b", to("a"))], "/a is refused: a hard link needs"),
        (vec![odd], "user.a=b"),
    ] {
        let said = refusal(&items);
        assert!(said.contains(reason), "{said}");
    }
    pack(&[file(".wh-not", ""), file(".whx", "")]);
}

#[test]
fn a_body_of_another_size_or_content_is_a_change() {
    let entry = |size| Entry::new("f", Node::File(FileData::unread(size)), 0o644);
    let known = Node::File(FileData { digest: Digest::of(b"other"), ..FileData::unread(4) });
    for (entry, body) in [
        (entry(4), Body::Bytes(b"abc")),
        (entry(4), Body::Reader(&mut &b"abc"[..])),
        (entry(4), Body::Reader(&mut &b"abcde"[..])),
        (entry(0), Body::Reader(&mut &b"a"[..])),
        (entry(4), Body::None),
        (Entry::new("f", known, 0o644), Body::Bytes(b"abcd")),
    ] {
        let mut writer = LayerWriter::new(Vec::new(), None, Cancel::new());
        assert!(matches!(writer.add(entry, body), Err(Error::Changed { subject }) if subject == "/f"));
    }
}

#[test]
fn a_settled_file_keeps_the_digest_it_has_until_it_looks_different() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    std::fs::write(&path, "abcd").unwrap();
    let settled = || {
        let file = std::fs::File::open(&path).unwrap();
        let meta = Meta::of(&file).unwrap();
        Settled::new(file, meta)
    };
    let known = FileData { digest: Digest::of(b"as it was"), ..FileData::unread(4) };
    let add = |data, file: &mut Settled| {
        let mut writer = LayerWriter::new(Vec::new(), None, Cancel::new());
        writer.add(Entry::new("f", Node::File(data), 0o644), Body::Settled(file))?;
        writer.finish()
    };
    for (data, digest) in [(known, known.digest), (FileData::unread(4), Digest::of(b"abcd"))] {
        let packed = add(data, &mut settled()).unwrap();
        let Node::File(data) = packed.index.get(b"f").unwrap().node else { panic!() };
        assert_eq!(data.digest, digest, "taken as it stands where there is one");
    }
    let mut file = settled();
    std::thread::sleep(std::time::Duration::from_millis(20));
    std::fs::write(&path, "efgh").unwrap();
    assert!(matches!(add(known, &mut file), Err(Error::Changed { subject }) if subject == "/f"));
    assert!(matches!(add(FileData::unread(5), &mut settled()), Err(Error::Changed { .. })));
}

#[test]
fn the_index_says_where_the_bytes_are() {
    let big = "0123456789".repeat(400_000);
    let packed = pack(&[dir("etc"), file("etc/group", "g:x:1:"), file("etc/passwd", "root"), file("z", &big)]);
    for (path, body) in [("etc/group", "g:x:1:"), ("etc/passwd", "root"), ("z", big.as_str())] {
        let Node::File(data) = packed.index.get(path.as_bytes()).unwrap().node else { panic!("{path}") };
        let at = data.offset.unwrap().get() as usize;
        assert_eq!(&packed.out[at..at + data.size as usize], body.as_bytes());
        assert_eq!(data.digest, Digest::of(body.as_bytes()));
    }
    assert_eq!(packed.index.body(b"etc/group"), Some(&b"g:x:1:"[..]));
    assert_eq!(packed.index.bodies().len(), 2);
    assert_eq!(packed.index.totals().bytes, 4_000_010);
}

#[test]
fn times_are_clamped_and_do_not_count_in_the_timeless_digest() {
    let at = |mtime, clamp| {
        let mut writer = LayerWriter::new(Vec::new(), clamp, Cancel::new());
        let (entry, body) = file("f", "x");
        writer.add(Entry { mtime, ..entry }, Body::Bytes(&body)).unwrap();
        writer.finish().unwrap()
    };
    let (early, late, clamped) = (at(10, Some(20)), at(30, None), at(30, Some(20)));
    assert_eq!(early.index.get(b"f").unwrap().mtime, 10);
    assert_eq!(clamped.index.get(b"f").unwrap().mtime, 20);
    assert_ne!(late.diff_id, clamped.diff_id);
    assert_eq!(late.index.timeless_digest(&(20..=30)), clamped.index.timeless_digest(&(20..=30)));
    assert_eq!(late.out.len() % 512, 0);
}

/// A sink that says when it is dropped.
struct Held(Arc<AtomicBool>);

impl std::io::Write for Held {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_stop_is_noticed_within_a_body_and_leaves_nothing_behind() {
    struct Endless(Cancel, u64);
    impl Read for Endless {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            self.1 += into.len() as u64;
            if self.1 > 3 << 20 {
                self.0.cancel();
            }
            assert!(self.1 < 6 << 20, "read on after the stop");
            Ok(into.len())
        }
    }
    let (cancel, dropped) = (Cancel::new(), Arc::new(AtomicBool::new(false)));
    let mut writer = LayerWriter::new(Held(dropped.clone()), None, cancel.clone());
    let entry = Entry::new("f", Node::File(FileData::unread(1 << 40)), 0o644);
    let result = writer.add(entry, Body::Reader(&mut Endless(cancel, 0)));
    assert!(matches!(result, Err(Error::Canceled(_))), "{result:?}");
    drop(writer);
    assert!(dropped.load(Ordering::SeqCst));
}

#[test]
fn a_full_disk_is_reported_as_such() {
    #[derive(Debug)]
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut writer = LayerWriter::new(Full, None, Cancel::new());
    let (entry, body) = file("f", &"x".repeat(20 << 20));
    let error = writer.add(entry, Body::Bytes(&body)).unwrap_err();
    assert!(error.to_string().contains("no storage space"), "{error}");
    let small = LayerWriter::new(Full, None, Cancel::new()).finish().unwrap_err();
    assert!(small.to_string().contains("no storage space"), "{small}");
}

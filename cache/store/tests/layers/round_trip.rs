//! What is packed is read back the same by GNU tar, Python and ourselves, in both styles.

use crate::fixture::{OVERLAY, dir, file, is_root, node, pack, random_tree, run, scan, target, unpack_onto};
use rbuild_oci::{Cancel, Digest};
use rbuild_store::layer::{Entry, Limits, Node, Style, View, index_tar};
use std::fmt::Write as _;
use std::sync::Arc;

const SEEDS: u64 = 40;

#[test]
fn random_trees_survive_unpacking_and_packing_again() {
    if !is_root("random_trees_survive_unpacking_and_packing_again") {
        return;
    }
    for seed in 0..SEEDS {
        let packed = pack(&random_tree(seed));
        assert_eq!(packed.diff_id.0, Digest::of(&packed.out), "seed {seed}");
        for style in [Style::Plain, OVERLAY] {
            let target = target();
            let unpacked = unpack_onto(&packed.out, &target, style, &View::default()).unwrap();
            assert_eq!(unpacked.index, packed.index, "seed {seed}");
            assert_eq!((unpacked.diff_id, unpacked.size), (packed.diff_id, packed.size));
            assert_eq!(unpacked.unsupported.len(), 0);
            assert!(pack(&scan(&target.root)).out == packed.out, "seed {seed} {style:?}");
        }
        let (index, diff_id, size) = index_tar(&mut &*packed.out, Limits::default(), &Cancel::new()).unwrap();
        assert_eq!((index, diff_id, size), (packed.index, packed.diff_id, packed.size));
    }
}

#[test]
fn gnu_tar_reads_what_we_write() {
    if !is_root("gnu_tar_reads_what_we_write") {
        return;
    }
    for seed in 0..SEEDS / 4 {
        let packed = pack(&random_tree(seed));
        let target = target();
        let inside = target.holder.path().join("inside");
        let inside = inside.to_str().unwrap();
        let arguments =
            ["-C", inside, "--warning=no-timestamp", "--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf", "-"];
        run("tar", &arguments, &packed.out);
        assert!(pack(&scan(&target.root)).out == packed.out, "seed {seed}");
    }
}

#[test]
fn python_reads_what_we_write() {
    const SCRIPT: &str = r"
import sys, tarfile
h = lambda s: s.encode('utf-8', 'surrogateescape').hex()
for m in tarfile.open(fileobj=sys.stdin.buffer, mode='r|', encoding='utf-8'):
    device = (m.devmajor, m.devminor) if m.ischr() or m.isblk() else (0, 0)
    print(m.type.decode(), h(m.name.rstrip('/')), oct(m.mode), m.uid, m.gid, m.size, int(m.mtime), h(m.linkname), *device)
";
    for seed in 0..SEEDS / 4 {
        let packed = pack(&random_tree(seed));
        let read = String::from_utf8(run("python3", &["-c", SCRIPT], &packed.out)).unwrap();
        let expected: String = packed.index.entries().iter().map(python_line).collect();
        assert_eq!(read, expected, "seed {seed}");
    }
}

fn python_line(entry: &Entry) -> String {
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
    };
    let (mut kind, mut size, mut target, mut device) = (0, 0, String::new(), (0, 0));
    match &entry.node {
        Node::File(data) => size = data.size,
        Node::HardLink { target: to } => (kind, target) = (1, hex(to)),
        Node::Symlink { target: to } => (kind, target) = (2, hex(to)),
        Node::CharDevice(number) => (kind, device) = (3, (number.major, number.minor)),
        Node::BlockDevice(number) => (kind, device) = (4, (number.major, number.minor)),
        Node::Directory { .. } => kind = 5,
        Node::Fifo => kind = 6,
        Node::Whiteout => {}
    }
    let path = if entry.path.is_empty() { hex(b".") } else { hex(&entry.path) };
    let Entry { mode, uid, gid, mtime, .. } = entry;
    format!("{kind} {path} 0o{mode:o} {uid} {gid} {size} {mtime} {target} {} {}\n", device.0, device.1)
}

/// Stacks of layers and what is in them at the end, as paths with a letter for the type.
#[test]
fn deletions_and_replacements_come_out_the_same_in_both_styles() {
    if !is_root("deletions_and_replacements_come_out_the_same_in_both_styles") {
        return;
    }
    let gone = |path| node(path, Node::Whiteout);
    let opaque = |path| node(path, Node::Directory { opaque: true, implied: false });
    let link = |path, target: &str| node(path, Node::Symlink { target: target.into() });
    let base = [dir("a"), file("a/x", "x"), file("a/y", "y"), dir("a/z"), file("a/z/q", "q"), link("l", "a")];
    for (upper, expected) in [
        (vec![gone("a/x")], "d:a f:a/y d:a/z f:a/z/q l:l"),
        (vec![gone("a"), gone("l")], ""),
        (vec![opaque("a"), file("a/n", "n")], "d:a f:a/n l:l"),
        (vec![file("a", "now a file")], "f:a l:l"),
        (vec![link("a", "/etc"), dir("l"), file("l/new", "")], "l:a d:l f:l/new"),
        (vec![file("l/f", "")], "d:a f:a/x f:a/y d:a/z f:a/z/q d:l f:l/f"),
        (vec![gone("a/z/q"), file("b/c/d", "")], "d:a f:a/x f:a/y d:a/z d:b d:b/c f:b/c/d l:l"),
        (vec![dir("a"), gone("a/nothing")], "d:a f:a/x f:a/y d:a/z f:a/z/q l:l"),
    ] {
        let (lower, upper) = (pack(&base), pack(&upper));
        let view = View::new(vec![Arc::new(lower.index.clone())]);
        let (plain, low, high) = (target(), target(), target());
        unpack_onto(&lower.out, &plain, Style::Plain, &View::default()).unwrap();
        unpack_onto(&upper.out, &plain, Style::Plain, &view).unwrap();
        assert_eq!(shown(&plain.root), expected);
        unpack_onto(&lower.out, &low, OVERLAY, &View::default()).unwrap();
        unpack_onto(&upper.out, &high, OVERLAY, &view).unwrap();
        let merged = view.with(Arc::new(upper.index.clone()));
        let seen: Vec<&[u8]> = merged.walk(b"").map(|found| found.entry.path.as_slice()).collect();
        let plain_items = scan(&plain.root);
        assert_eq!(seen, plain_items[1..].iter().map(|(entry, _)| entry.path.as_slice()).collect::<Vec<_>>());
        let Some(mount) = overlay(&low, &high) else { continue };
        let mounted = rbuild_store::RootDir::open(&mount.path).unwrap();
        assert!(scan(&mounted) == plain_items, "{expected}");
    }
}

struct Mount {
    path: std::path::PathBuf,
    _holder: tempfile::TempDir,
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(&self.path, rustix::mount::UnmountFlags::DETACH);
    }
}

fn overlay(low: &crate::fixture::Target, high: &crate::fixture::Target) -> Option<Mount> {
    let holder = tempfile::tempdir().unwrap();
    let path = holder.path().join("merged");
    std::fs::create_dir(&path).unwrap();
    let lower = |target: &crate::fixture::Target| target.holder.path().join("inside").display().to_string();
    let data = format!("lowerdir={}:{}", lower(high), lower(low));
    let data = std::ffi::CString::new(data).unwrap();
    match rustix::mount::mount("overlay", &path, "overlay", rustix::mount::MountFlags::RDONLY, Some(data.as_c_str())) {
        Ok(()) => Some(Mount { path, _holder: holder }),
        Err(error) => {
            eprintln!("SKIP: no overlay mount here: {error}");
            None
        }
    }
}

fn shown(root: &rbuild_store::RootDir) -> String {
    let letter = |node: &Node| match node {
        Node::Directory { .. } => 'd',
        Node::Symlink { .. } => 'l',
        _ => 'f',
    };
    let items = scan(root);
    let words =
        items[1..].iter().map(|(entry, _)| format!("{}:{}", letter(&entry.node), String::from_utf8_lossy(&entry.path)));
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn implied_directories_look_as_they_do_below() {
    if !is_root("implied_directories_look_as_they_do_below") {
        return;
    }
    let mut parent = dir("p");
    (parent.0.mode, parent.0.uid, parent.0.mtime) = (0o2750, 7, 1_111_111_111);
    parent.0.xattrs.insert(b"user.k".to_vec(), b"v".to_vec());
    let lower = pack(&[dir(""), parent.clone()]);
    let upper = pack(&[file("p/q/f", "f")]);
    let view = View::new(vec![Arc::new(lower.index.clone())]);
    for style in [Style::Plain, OVERLAY] {
        let target = target();
        if style == Style::Plain {
            unpack_onto(&lower.out, &target, style, &View::default()).unwrap();
        }
        unpack_onto(&upper.out, &target, style, &view).unwrap();
        let items = scan(&target.root);
        assert_eq!(items[1].0, parent.0, "{style:?}");
        assert_eq!(items[2].0, dir("p/q").0, "{style:?}");
    }
}

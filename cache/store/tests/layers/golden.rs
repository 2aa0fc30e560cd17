//! The bytes of our tarballs, written down: `testdata/layers/CASE/entries` makes `layer.tar` beside it. `UPDATE=1`
//! writes it anew; a change of these bytes changes every layer's digest and is a change of format.
//!
//! A line of `entries`, its fields between tabs: KIND MODE UID:GID MTIME PATH [VALUE] [xattr NAME=VALUE]…, the kind one
//! of dir, opaque, file, link, symlink, char, block, fifo, deleted; `\xNN` is a byte, `{N*TEXT}` a repetition.

use crate::fixture::{Item, pack};
use rbuild_oci::Cancel;
use rbuild_store::Device;
use rbuild_store::layer::{Entry, FileData, Limits, Node, index_tar};
use std::path::Path;

#[test]
fn tarballs_are_as_written_down() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/layers");
    let mut count = 0;
    for case in std::fs::read_dir(&cases).unwrap() {
        let case = case.unwrap().path();
        let text = std::fs::read_to_string(case.join("entries")).unwrap();
        let items: Vec<Item> = text.lines().filter(|line| !line.starts_with('#')).map(item).collect();
        let packed = pack(&items);
        let golden = case.join("layer.tar");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&golden, &packed.out).unwrap();
        }
        let expected = std::fs::read(&golden).unwrap();
        assert!(packed.out == expected, "{} differs: UPDATE=1 writes it anew", golden.display());
        let (index, ..) = index_tar(&mut &*expected, Limits::default(), &Cancel::new()).unwrap();
        assert_eq!(index, packed.index, "{}", case.display());
        count += 1;
    }
    assert!(count >= 5, "the cases are there");
}

fn item(line: &str) -> Item {
    let mut fields = line.split('\t').map(unescaped);
    let mut next = || fields.next().unwrap_or_else(|| panic!("{line:?} lacks a field"));
    let kind = text(next());
    let mode = u32::from_str_radix(&text(next()), 8).unwrap();
    let owner = text(next());
    let mtime = text(next()).parse().unwrap();
    let path = next();
    let mut rest: Vec<Vec<u8>> = fields.collect();
    let takes = matches!(kind.as_str(), "file" | "link" | "symlink" | "char" | "block");
    let value = if takes { rest.remove(0) } else { Vec::new() };
    let device = || {
        let (major, minor) = pair(&text(value.clone()));
        Device { major, minor }
    };
    let node = match kind.as_str() {
        "dir" => Node::DIRECTORY,
        "opaque" => Node::Directory { opaque: true, implied: false },
        "file" => Node::File(FileData::unread(value.len() as u64)),
        "link" => Node::HardLink { target: value.clone() },
        "symlink" => Node::Symlink { target: value.clone() },
        "char" => Node::CharDevice(device()),
        "block" => Node::BlockDevice(device()),
        "fifo" => Node::Fifo,
        "deleted" => Node::Whiteout,
        _ => panic!("{line:?} has no kind"),
    };
    let mut entry = Entry { mtime, ..Entry::new(path, node, mode) };
    (entry.uid, entry.gid) = pair(&owner);
    for xattr in rest {
        let at = xattr.iter().position(|byte| *byte == b'=').unwrap();
        entry.xattrs.insert(xattr[b"xattr ".len()..at].to_vec(), xattr[at + 1..].to_vec());
    }
    (entry, value)
}

fn pair(text: &str) -> (u32, u32) {
    let (first, second) = text.split_once(':').unwrap();
    (first.parse().unwrap(), second.parse().unwrap())
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn unescaped(field: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = field;
    while let Some(first) = rest.chars().next() {
        if let Some(hex) = rest.strip_prefix("\\x") {
            out.push(u8::from_str_radix(&hex[..2], 16).unwrap());
            rest = &hex[2..];
        } else if let Some((repetition, after)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            let (count, what) = repetition.split_once('*').unwrap();
            out.extend_from_slice(what.repeat(count.parse().unwrap()).as_bytes());
            rest = after;
        } else {
            out.extend_from_slice(first.to_string().as_bytes());
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

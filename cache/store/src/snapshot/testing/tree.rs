//! Directory trees as text: everything lstat, xattrs and reading show, but inode numbers and times that nobody can set.

use crate::root_dir::{Dir, FileKind, Meta, RootDir};
use crate::snapshot::settle::is_whiteout;
use rbuild_oci::Digest;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;

/// One line for each file.
pub(super) fn dump(root: &RootDir) -> Vec<String> {
    let mut first_names = BTreeMap::new();
    let top = root.top();
    let mut lines = vec![line(top, b".", "/", &top.stat(b".").unwrap())];
    for found in root.walk(b"").unwrap() {
        let found = found.unwrap();
        let path = found.path.escape_ascii().to_string();
        let mut text = line(found.dir(), found.name(), &path, &found.meta);
        if !found.meta.is_dir() && !is_whiteout(&found.meta) {
            let first = first_names.entry(found.meta.id()).or_insert_with(|| path.clone());
            if *first != path {
                write!(text, " is {first}").unwrap();
            }
        }
        lines.push(text);
    }
    lines
}

pub(super) fn assert_same(left: &[String], right: &[String], step: &str) {
    let only = |of: &[String], not_in: &[String]| -> Vec<String> {
        of.iter().filter(|line| !not_in.contains(line)).cloned().collect()
    };
    let (left_only, right_only) = (only(left, right), only(right, left));
    assert!(
        left_only.is_empty() && right_only.is_empty(),
        "{step}: committed {left_only:#?}\nunpacked {right_only:#?}"
    );
}

fn line(dir: &Dir, name: &[u8], path: &str, meta: &Meta) -> String {
    if is_whiteout(meta) {
        return format!("{path} whiteout");
    }
    let Meta { kind, mode, uid, gid, mtime, rdev, .. } = meta;
    let mut text = format!("{path} {kind:?} {mode:o} {uid}:{gid} {}.{} {rdev:?}", mtime.seconds, mtime.nanos);
    for (name, value) in dir.xattrs(name).unwrap() {
        write!(text, " {}={}", name.escape_ascii(), value.escape_ascii()).unwrap();
    }
    match kind {
        FileKind::File => {
            let mut bytes = Vec::new();
            dir.open_file(name).unwrap().read_to_end(&mut bytes).unwrap();
            write!(text, " {} {}", bytes.len(), Digest::of(&bytes).short()).unwrap();
        }
        FileKind::Symlink => write!(text, " to {}", dir.readlink(name).unwrap().escape_ascii()).unwrap(),
        _ => {}
    }
    text
}

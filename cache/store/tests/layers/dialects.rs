//! Tarballs of GNU tar in all its formats, of Python, and sparse files in all four encodings: unpacked, they are what
//! they were made of.

use crate::fixture::{is_root, run, scan, target, unpack_onto};
use rbuild_oci::{Cancel, Digest};
use rbuild_store::layer::{Archive, Limits, Node, Style, View, is_archive};
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// A tree with long names, links and a sparse file.
fn tree(at: &Path, long: bool) {
    fs::create_dir_all(at.join("d/e")).unwrap();
    fs::write(at.join("d/f"), "one\n").unwrap();
    fs::hard_link(at.join("d/f"), at.join("d/h")).unwrap();
    std::os::unix::fs::symlink("../f", at.join("d/e/l")).unwrap();
    let mut sparse = fs::File::create(at.join("sparse")).unwrap();
    for offset in [0, 1 << 16, 5 << 20, 5 << 20 | 1 << 17] {
        sparse.seek(SeekFrom::Start(offset)).unwrap();
        sparse.write_all(&[7; 5000]).unwrap();
    }
    sparse.set_len(9 << 20).unwrap();
    if long {
        let deep = at.join("n".repeat(120)).join("m".repeat(150));
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("f".repeat(110)), "deep").unwrap();
        std::os::unix::fs::symlink("t".repeat(300), at.join("long-link")).unwrap();
    }
}

#[test]
fn every_format_of_gnu_tar_is_understood() {
    if !is_root("every_format_of_gnu_tar_is_understood") {
        return;
    }
    for (options, long) in [
        (&["--format=v7"][..], false),
        (&["--format=ustar"], false),
        (&["--format=oldgnu"], true),
        (&["--format=gnu"], true),
        (&["--format=posix"], true),
        (&["--format=oldgnu", "--sparse"], true),
        (&["--format=gnu", "--sparse"], true),
        (&["--format=posix", "--sparse", "--sparse-version=0.0"], true),
        (&["--format=posix", "--sparse", "--sparse-version=0.1"], true),
        (&["--format=posix", "--sparse", "--sparse-version=1.0"], true),
    ] {
        let source = target();
        let inside = source.holder.path().join("inside");
        tree(&inside, long);
        let directory = inside.to_str().unwrap();
        // Times are whole seconds in layers, and in all these formats but posix.
        let arguments =
            [options, &["--mtime=@1234567890", "--numeric-owner", "-C", directory, "-cf", "-", "."]].concat();
        let tarball = run("tar", &arguments, b"");
        let copy = target();
        let unpacked = unpack_onto(&tarball, &copy, Style::Plain, &View::default()).unwrap();
        assert_eq!(unpacked.size, tarball.len() as u64);
        assert!(scan_at(&inside) == scan(&copy.root), "{options:?}");
        let sparse = unpacked.index.get(b"sparse").unwrap();
        let Node::File(data) = sparse.node else { panic!() };
        let body = fs::read(inside.join("sparse")).unwrap();
        assert_eq!((data.size, data.digest), (body.len() as u64, Digest::of(&body)));
        assert_eq!(data.offset.is_none(), options.contains(&"--sparse"));
    }
}

/// What is there, all of one time.
fn scan_at(path: &Path) -> Vec<crate::fixture::Item> {
    run("find", &[path.to_str().unwrap(), "-exec", "touch", "-h", "-d", "@1234567890", "{}", "+"], b"");
    scan(&rbuild_store::RootDir::open(path).unwrap())
}

#[test]
fn a_global_header_counts_for_all_that_follows() {
    const SCRIPT: &str = r"
import sys, tarfile, io
t = tarfile.open(fileobj=sys.stdout.buffer, mode='w|', format=tarfile.PAX_FORMAT,
                 pax_headers={'comment': 'abc', 'uid': '77', 'SCHILY.xattr.user.g': 'v'})
for name in 'a', 'b':
    i = tarfile.TarInfo(name); i.size = 2; t.addfile(i, io.BytesIO(b'x\n'))
t.close()
";
    let tarball = run("python3", &["-c", SCRIPT], b"");
    let (index, ..) = rbuild_store::layer::index_tar(&mut &*tarball, Limits::default(), &Cancel::new()).unwrap();
    assert_eq!(index.entries().len(), 3);
    for path in [b"a", b"b"] {
        let entry = index.get(path).unwrap();
        assert_eq!((entry.uid, entry.xattrs.len()), (77, 1));
    }
}

#[test]
fn archives_are_known_by_content_and_give_their_files_in_any_order() {
    let source = target();
    let inside = source.holder.path().join("inside");
    tree(&inside, true);
    let directory = inside.to_str().unwrap();
    for (option, tool) in [("-cf", ""), ("-czf", "gzip"), ("-cjf", "bzip2"), ("-cJf", "xz"), ("--zstd", "zstd")] {
        if !tool.is_empty() && std::process::Command::new(tool).arg("--version").output().is_err() {
            eprintln!("SKIP: {tool} is not installed");
            continue;
        }
        let arguments = match option {
            "--zstd" => vec!["-C", directory, "--sparse", "--zstd", "-cf", "-", "."],
            _ => vec!["-C", directory, "--sparse", option, "-", "."],
        };
        let tarball = run("tar", &arguments, b"");
        assert!(is_archive(&*tarball).unwrap(), "{tool}");
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&tarball).unwrap();
        file.rewind().unwrap();
        let spool = || Ok(tempfile::tempfile().unwrap());
        let archive = Archive::open(file, &spool, Limits::default(), &Cancel::new()).unwrap();
        let mut files = 0;
        for entry in archive.entries().iter().rev() {
            let Node::File(data) = entry.node else { continue };
            let mut body = Vec::new();
            archive.body(entry).read_to_end(&mut body).unwrap();
            assert_eq!(body.len() as u64, data.size);
            let path = std::os::unix::ffi::OsStrExt::from_bytes(entry.path.as_slice());
            assert!(body == fs::read(inside.join::<&std::ffi::OsStr>(path)).unwrap(), "{tool}");
            files += 1;
        }
        assert_eq!(files, 3);
    }
    for (what, bytes) in [("nothing", vec![]), ("text", b"x".repeat(2000)), ("zeros", vec![0; 10240])] {
        assert!(!is_archive(&*bytes).unwrap(), "{what}");
        assert!(!is_archive(&*run("gzip", &[], &bytes)).unwrap(), "{what}");
    }
    assert!(!is_archive(&b"\x1f\x8b\x08 and no gzip"[..]).unwrap());
}

//! `RootDir` against real files: nothing leaves the root, nothing blocks, nothing is too deep.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use rbuild_oci::Timestamp;
use rbuild_store::{Cursor, Device, Error, FileKind, Meta, RootDir};
use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use tempfile::TempDir;

/// `outside/` with a canary, and `outside/root`, the root.
fn fixture() -> (TempDir, RootDir) {
    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("canary"), "outside").unwrap();
    fs::create_dir(outside.path().join("root")).unwrap();
    let root = RootDir::open(&outside.path().join("root")).unwrap();
    (outside, root)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn text(root: &RootDir, path: &str) -> Result<String, String> {
    let mut text = String::new();
    let mut file = root.open_file(path.as_bytes()).map_err(|error| error.to_string())?;
    file.read_to_string(&mut text).unwrap();
    Ok(text)
}

#[test]
fn links_end_up_inside() {
    let (outside, root) = fixture();
    let top = outside.path().join("root");
    fs::create_dir_all(top.join("usr/lib")).unwrap();
    fs::write(top.join("usr/lib/x"), "inside").unwrap();
    fs::write(top.join("canary"), "inside").unwrap();
    for (target, link) in [
        ("/usr/lib", "lib"),
        ("../../../../canary", "up"),
        ("/canary", "abs"),
        ("up", "chain"),
        ("/..", "dots"),
        ("loop", "loop"),
        ("/proc/self/root", "magic"),
    ] {
        symlink(target, top.join(link)).unwrap();
    }
    for path in
        ["lib/x", "/lib/x", "up", "abs", "chain", "dots/canary", "../../canary", "usr/../../../canary", "//canary"]
    {
        assert_eq!(text(&root, path).unwrap(), "inside", "{path}");
    }
    assert!(text(&root, "loop").unwrap_err().contains("loop"));
    assert!(root.open_dir(b"magic").unwrap_err().is_not_found());
    assert_eq!(root.stat(b"lib").unwrap().kind, FileKind::Symlink);
    assert_eq!(root.stat(b"lib/").unwrap().kind, FileKind::Symlink);
    assert_eq!(root.stat_following(b"lib").unwrap().kind, FileKind::Directory);
    assert_eq!(root.stat(b"usr/..").unwrap().id(), root.stat(b"").unwrap().id());
    assert_eq!(root.readlink(b"up").unwrap(), b"../../../../canary");
    let sub = root.subroot(b"usr").unwrap();
    assert!(sub.stat(b"../canary").unwrap_err().is_not_found());
}

#[test]
fn the_last_component_is_not_followed_when_something_is_made_or_changed() {
    let (outside, root) = fixture();
    let canary = outside.path().join("canary");
    symlink(&canary, outside.path().join("root/link")).unwrap();
    let before = fs::metadata(&canary).unwrap();
    assert!(root.create_file(b"link", 0o644).unwrap_err().is_taken());
    assert!(root.mkdir(b"link", 0o755).unwrap_err().is_taken());
    assert!(root.chmod(b"link", 0o777).is_err());
    root.set_times(b"link", Timestamp { seconds: 5, nanos: 7 }).unwrap();
    assert_eq!(root.stat(b"link").unwrap().mtime, Timestamp { seconds: 5, nanos: 7 });
    root.hardlink(b"link", b"second").unwrap();
    assert_eq!(root.stat(b"second").unwrap().kind, FileKind::Symlink);
    if is_root() {
        root.chown(b"link", 12, 34).unwrap();
        let meta = root.stat(b"link").unwrap();
        assert_eq!((meta.uid, meta.gid, meta.nlink), (12, 34, 2));
    }
    root.remove_tree(b"link").unwrap();
    let after = fs::metadata(&canary).unwrap();
    assert_eq!((after.mode(), after.mtime(), after.uid()), (before.mode(), before.mtime(), before.uid()));
}

#[test]
fn metadata_is_what_was_set() {
    let (_outside, root) = fixture();
    root.mkdir(b"d", 0o755).unwrap();
    drop(root.create_file(b"d/f", 0o600).unwrap());
    root.chmod(b"d/f", 0o4755).unwrap();
    root.set_times(b"d/f", Timestamp { seconds: -3, nanos: 5 }).unwrap();
    root.symlink(b"f", b"d/l").unwrap();
    root.rename(b"d/f", b"g").unwrap();
    let meta = root.stat(b"g").unwrap();
    assert_eq!((meta.kind, meta.mode, meta.size), (FileKind::File, 0o4755, 0));
    assert_eq!(meta.mtime, Timestamp { seconds: -3, nanos: 5 });
    let listed: Vec<_> = root.list(b"").unwrap().into_iter().map(|entry| (entry.name, entry.kind)).collect();
    assert_eq!(listed, [(b"d".to_vec(), FileKind::Directory), (b"g".to_vec(), FileKind::File)]);
    root.remove(b"d/l").unwrap();
    root.remove_dir(b"d").unwrap();
    let gone = root.stat(b"d/f").unwrap_err();
    assert!(gone.is_not_found());
    assert_eq!(gone.to_string(), "cannot stat d/f: No such file or directory (os error 2)");
}

#[test]
fn nothing_but_regular_files_is_opened_and_nothing_blocks() {
    let (_outside, root) = fixture();
    root.mknod(b"pipe", FileKind::Fifo, 0o644, Device::default()).unwrap();
    root.mknod(b"socket", FileKind::Socket, 0o644, Device::default()).unwrap();
    root.symlink(b"pipe", b"link").unwrap();
    for name in [b"pipe".as_slice(), b"socket", b"link", b"."] {
        assert!(root.open_file(name).is_err());
        assert!(root.top().open_file(name).is_err());
    }
    if !is_root() || root.mknod(b"null", FileKind::CharDevice, 0o666, Device { major: 1, minor: 3 }).is_err() {
        eprintln!("SKIP: device nodes need CAP_MKNOD");
        return;
    }
    assert_eq!(root.stat(b"null").unwrap().rdev, Device { major: 1, minor: 3 });
    assert!(root.open_file(b"null").is_err());
    root.remove_tree(b"null").unwrap();
}

#[test]
fn a_directory_takes_single_names_only() {
    let (_outside, root) = fixture();
    for name in [b"../canary".as_slice(), b"..", b"", b"a/b", b"/canary", b"a\0b"] {
        assert!(root.top().stat(name).is_err());
        assert!(root.top().create_file(name, 0o600).is_err());
        assert!(root.top().rename(b".", root.top(), name).is_err());
        assert!(root.top().xattrs(name).is_err());
        assert!(root.top().remove_tree(name).is_err());
    }
    assert!(root.remove_tree(b".").is_err());
}

#[test]
fn attributes_of_files_and_links() {
    let (_outside, root) = fixture();
    drop(root.create_file(b"f", 0o644).unwrap());
    let long = vec![7_u8; 3_000];
    root.set_xattr(b"f", b"user.long", &long).unwrap();
    root.set_xattr(b"f", b"user.empty", b"").unwrap();
    let all = root.xattrs(b"f").unwrap();
    assert_eq!(all.get(b"user.long".as_slice()), Some(&long));
    assert_eq!(all.get(b"user.empty".as_slice()), Some(&Vec::new()));
    root.remove_xattr(b"f", b"user.long").unwrap();
    root.remove_xattr(b"f", b"user.long").unwrap();
    assert_eq!(root.get_xattr(b"f", b"user.long").unwrap(), None);
    root.symlink(b"f", b"l").unwrap();
    assert!(root.set_xattr(b"l", b"user.no", b"1").is_err());
    if !is_root() || root.set_xattr(b"l", b"trusted.own", b"1").is_err() {
        eprintln!("SKIP: attributes of links need root");
        return;
    }
    assert_eq!(root.get_xattr(b"l", b"trusted.own").unwrap(), Some(b"1".to_vec()));
    assert_eq!(root.get_xattr(b"f", b"trusted.own").unwrap(), None);
}

#[test]
fn a_walk_is_sorted_and_can_skip() {
    let (outside, root) = fixture();
    let top = outside.path().join("root");
    for dir in ["a/x", "b", "a-"] {
        fs::create_dir_all(top.join(dir)).unwrap();
    }
    for file in ["a/x/1", "a/y", "b/2", "a.txt"] {
        fs::write(top.join(file), "").unwrap();
    }
    symlink("..", top.join("b/up")).unwrap();
    let paths = |skip: &str| {
        let mut walk = root.walk(b"").unwrap();
        let mut seen = Vec::new();
        while let Some(entry) = walk.next() {
            let entry = entry.unwrap();
            assert_eq!(entry.dir().stat(entry.name()).unwrap(), entry.meta);
            let path = String::from_utf8(entry.path).unwrap();
            if path == skip {
                walk.skip_dir();
            }
            seen.push(path);
        }
        seen
    };
    assert_eq!(paths(""), ["a", "a/x", "a/x/1", "a/y", "a-", "a.txt", "b", "b/2", "b/up"]);
    assert_eq!(paths("a"), ["a", "a-", "a.txt", "b", "b/2", "b/up"]);
}

#[test]
fn the_paths_of_a_walk_begin_where_it_is_told() {
    let (outside, root) = fixture();
    fs::create_dir_all(outside.path().join("root/w/a/b/c")).unwrap();
    fs::write(outside.path().join("root/w/a/d"), "").unwrap();
    let walk = root.walk(b"w/a").unwrap().named(b"w/a").map(|entry| entry.unwrap());
    let seen: Vec<_> = walk.map(|entry| (entry.name().to_vec(), entry.path)).collect();
    let expected = [("b", "w/a/b"), ("c", "w/a/b/c"), ("d", "w/a/d")];
    assert_eq!(seen, expected.map(|(name, path)| (name.into(), path.into())));
}

#[test]
fn a_cursor_opens_files_with_what_they_look_like() {
    let (outside, root) = fixture();
    let top = outside.path().join("root");
    fs::create_dir_all(top.join("c/d")).unwrap();
    for file in ["c/1", "c/d/2", "3"] {
        fs::write(top.join(file), file).unwrap();
    }
    symlink("1", top.join("c/link")).unwrap();
    let mut cursor = Cursor::new(&root);
    for (directory, name) in [("c", "1"), ("c/d", "2"), ("", "3"), ("c", "1")] {
        let (mut file, seen) = cursor.directory(directory.as_bytes()).unwrap().open_seen(name.as_bytes()).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert!(text.ends_with(name), "{text}");
        assert_eq!(Meta::of(&file).unwrap(), seen);
        assert_eq!(root.stat(text.as_bytes()).unwrap(), seen);
    }
    let _socket = std::os::unix::net::UnixListener::bind(top.join("c/socket")).unwrap();
    for name in ["link", "socket", "d"] {
        let error = cursor.directory(b"c").unwrap().open_seen(name.as_bytes()).unwrap_err();
        assert!(matches!(error, Error::Io { source, .. } if source.kind() == ErrorKind::InvalidInput), "{name}");
    }
}

/// A chain of `depth` directories with names of `length` bytes, and a file at its end.
fn deep(root: &RootDir, depth: usize, length: usize) -> Vec<u8> {
    let (mut dir, mut path) = (root.top().clone(), Vec::new());
    let name = vec![b'd'; length];
    for _ in 0..depth {
        dir.mkdir(&name, 0o755).unwrap();
        dir = dir.open_dir(&name).unwrap();
        path.extend_from_slice(&name);
        path.push(b'/');
    }
    drop(dir.create_file(b"end", 0o644).unwrap());
    path.extend_from_slice(b"end");
    path
}

#[test]
fn depth_costs_neither_descriptors_nor_stack() {
    let (_outside, root) = fixture();
    let path = deep(&root, 3_000, 255);
    assert!(root.stat(&path).unwrap().is_file());
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    let (before, mut most, mut count, mut last) = (open(), 0, 0, Vec::new());
    for (number, entry) in root.walk(b"").unwrap().enumerate() {
        if number % 500 == 0 {
            most = most.max(open());
        }
        count += 1;
        last = entry.unwrap().path;
    }
    assert_eq!((count, last), (3_001, path));
    assert!(most < before + 100, "{most} descriptors open, {before} before");
    root.remove_tree(&[b'd'; 255]).unwrap();
    assert!(root.list(b"").unwrap().is_empty());
}

#[test]
fn a_link_past_what_the_kernel_resolves_at_once_is_refused() {
    let (_outside, root) = fixture();
    let path = deep(&root, 30, 200);
    let parent = &path[..path.len() - 4];
    let name = root.open_dir(parent).unwrap();
    name.symlink(b"/", b"link").unwrap();
    assert!(root.stat(&[parent, b"/link"].concat()).is_ok());
    assert!(root.stat(&[parent, b"/link/canary"].concat()).is_err());
    assert!(root.stat(&[parent, b"/.."].concat()).is_ok());
}

#[test]
fn a_tree_moved_during_the_walk_does_not_lead_outside() {
    let (outside, root) = fixture();
    deep(&root, 60, 1);
    let mut walk = root.walk(b"").unwrap();
    for _ in 0..60 {
        walk.next().unwrap().unwrap();
    }
    let moved: String = "d/".repeat(10);
    fs::rename(outside.path().join("root").join(moved), outside.path().join("moved")).unwrap();
    let rest: Vec<_> = walk.map(|entry| entry.map(|entry| entry.path).map_err(|error| error.to_string())).collect();
    assert!(rest.last().unwrap().as_ref().unwrap_err().contains("Stale"), "{rest:?}");
}

#[test]
fn a_tree_without_permissions_goes_too() {
    let (outside, root) = fixture();
    let top = outside.path().join("root/t/locked/in");
    fs::create_dir_all(&top).unwrap();
    fs::write(top.join("f"), "").unwrap();
    for dir in ["t/locked/in", "t/locked", "t"] {
        fs::set_permissions(outside.path().join("root").join(dir), fs::Permissions::from_mode(0o000)).unwrap();
    }
    root.remove_tree(b"t").unwrap();
    root.remove_tree(b"t").unwrap();
    root.remove_tree(b"no/such/t").unwrap();
    assert!(root.stat(b"t").unwrap_err().is_not_found());
}

#[derive(Clone, Debug)]
enum Op {
    Mkdir(String),
    Create(String),
    Symlink(String, String),
    Hardlink(String, String),
    Rename(String, String),
    Remove(String),
    Tree(String),
    Chmod(String),
    Times(String),
    Xattr(String),
    Read(String),
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "..", ".", "", "canary", "root"]), 1..6)
        .prop_map(|parts| parts.join("/"))
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        path().prop_map(Op::Mkdir),
        path().prop_map(Op::Create),
        (path(), path()).prop_map(|(a, b)| Op::Symlink(a, b)),
        (path(), path()).prop_map(|(a, b)| Op::Hardlink(a, b)),
        (path(), path()).prop_map(|(a, b)| Op::Rename(a, b)),
        path().prop_map(Op::Remove),
        path().prop_map(Op::Tree),
        path().prop_map(Op::Chmod),
        path().prop_map(Op::Times),
        path().prop_map(Op::Xattr),
        path().prop_map(Op::Read),
    ]
}

/// Does it, whether it works or not; what is read must not come from outside.
fn apply(root: &RootDir, op: &Op) {
    let done = match op {
        Op::Mkdir(path) => root.mkdir(path.as_bytes(), 0o755),
        Op::Create(path) => root.create_file(path.as_bytes(), 0o644).map(drop),
        Op::Symlink(target, path) => root.symlink(target.as_bytes(), path.as_bytes()),
        Op::Hardlink(old, new) => root.hardlink(old.as_bytes(), new.as_bytes()),
        Op::Rename(old, new) => root.rename(old.as_bytes(), new.as_bytes()),
        Op::Remove(path) => root.remove(path.as_bytes()),
        Op::Tree(path) => root.remove_tree(path.as_bytes()),
        Op::Chmod(path) => root.chmod(path.as_bytes(), 0o700),
        Op::Times(path) => root.set_times(path.as_bytes(), Timestamp::from_seconds(1)),
        Op::Xattr(path) => root.set_xattr(path.as_bytes(), b"user.x", b"1"),
        Op::Read(path) => {
            assert_ne!(text(root, path), Ok("outside".to_owned()));
            Ok(())
        }
    };
    drop(done);
}

fn state(path: &Path) -> (u32, i64, u64, i64) {
    let meta = fs::metadata(path).unwrap();
    (meta.mode(), meta.mtime(), meta.nlink(), meta.ctime_nsec())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn no_sequence_of_operations_reaches_outside(ops in prop::collection::vec(op(), 1..40)) {
        let (outside, root) = fixture();
        let before = state(&outside.path().join("canary"));
        for op in &ops {
            apply(&root, op);
        }
        let mut names: Vec<_> = fs::read_dir(outside.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        prop_assert_eq!(names, ["canary", "root"]);
        prop_assert_eq!(state(&outside.path().join("canary")), before);
        prop_assert_eq!(fs::read(outside.path().join("canary")).unwrap(), b"outside");
        for entry in root.walk(b"").unwrap() {
            entry.unwrap();
        }
    }
}

/// Prints what a walk over 20,000 files costs: `cargo test --release -p rbuild-store --test root_dir -- --ignored`.
#[test]
#[ignore = "a measurement; .ci/full runs it"]
fn walk_speed() {
    let (outside, root) = fixture();
    for dir in 0..400 {
        let path = outside.path().join(format!("root/{}/{dir}", dir % 20));
        fs::create_dir_all(&path).unwrap();
        for file in 0..50 {
            fs::write(path.join(format!("file-{file}.txt")), "x").unwrap();
        }
    }
    let best = (0..15).map(|_| {
        let start = std::time::Instant::now();
        let count = root.walk(b"").unwrap().flatten().count();
        (start.elapsed(), count)
    });
    let (time, count) = best.min().unwrap();
    println!("{count} entries in {time:?}");
}

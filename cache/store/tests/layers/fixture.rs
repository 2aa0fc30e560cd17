//! Trees, tarballs and directories for the tests of layers.

use rbuild_oci::{Cancel, DiffId};
use rbuild_store::layer::{
    Body, Entry, FileData, LayerIndex, LayerWriter, Limits, Node, OpaqueXattr, Ownership, Packed, Style, UnpackOptions,
    Unpacked, View, compare_paths, index_tar, unpack,
};
use rbuild_store::{FileKind, Meta, Result, RootDir};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::process::{Command, Stdio};

/// An entry with its bytes.
pub(crate) type Item = (Entry, Vec<u8>);

pub(crate) const OVERLAY: Style = Style::Overlay(OpaqueXattr::Trusted);

/// Whether this process may make devices and change owners; says so if not.
pub(crate) fn is_root(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("SKIP: {test} needs root");
    }
    root
}

pub(crate) fn file(path: &str, body: &str) -> Item {
    let node = Node::File(FileData::unread(body.len() as u64));
    (Entry::new(path, node, 0o644), body.as_bytes().to_vec())
}

pub(crate) fn node(path: &str, node: Node) -> Item {
    let mode = if matches!(node, Node::Symlink { .. }) { 0o777 } else { 0o755 };
    (Entry::new(path, node, mode), Vec::new())
}

pub(crate) fn dir(path: &str) -> Item {
    node(path, Node::DIRECTORY)
}

pub(crate) fn try_pack(items: &[Item]) -> Result<Packed<Vec<u8>>> {
    let mut writer = LayerWriter::new(Vec::new(), None, Cancel::new());
    for (entry, body) in items {
        match entry.node {
            Node::File(_) => writer.add(entry.clone(), Body::Bytes(body))?,
            _ => writer.add(entry.clone(), Body::None)?,
        }
    }
    writer.finish()
}

pub(crate) fn pack(items: &[Item]) -> Packed<Vec<u8>> {
    try_pack(items).unwrap()
}

pub(crate) struct Target {
    pub(crate) holder: tempfile::TempDir,
    pub(crate) root: RootDir,
}

/// A new directory with a neighbour that nobody may touch.
pub(crate) fn target() -> Target {
    let holder = tempfile::tempdir().unwrap();
    let inside = holder.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    Target { root: RootDir::open(&inside).unwrap(), holder }
}

/// What was read and unpacked.
pub(crate) struct Taken {
    pub(crate) diff_id: DiffId,
    pub(crate) size: u64,
    pub(crate) index: LayerIndex,
    pub(crate) unsupported: BTreeSet<Vec<u8>>,
}

pub(crate) fn unpack_onto(tarball: &[u8], target: &Target, style: Style, below: &View) -> Result<Taken> {
    let ownership = if rustix::process::geteuid().is_root() { Ownership::Apply } else { Ownership::Recorded };
    unpack_as(tarball, target, &UnpackOptions { style, ownership, below })
}

pub(crate) fn unpack_as(tarball: &[u8], target: &Target, options: &UnpackOptions<'_>) -> Result<Taken> {
    let (index, diff_id, size) = index_tar(&mut &*tarball, Limits::default(), &Cancel::new())?;
    let Unpacked { diff_id: hashed, unsupported } =
        unpack(&tarball.to_vec(), &index, &target.root, options, &Cancel::new())?;
    assert_eq!(hashed, diff_id);
    Ok(Taken { diff_id, size, index, unsupported })
}

/// Everything in the directory, as a packer would see it.
pub(crate) fn scan(root: &RootDir) -> Vec<Item> {
    let mut first_names: BTreeMap<(u64, u64), Vec<u8>> = BTreeMap::new();
    let mut items = vec![item(root, Vec::new(), &root.stat(b"").unwrap(), &mut first_names)];
    let mut found: Vec<_> = root.walk(b"").unwrap().map(|entry| entry.unwrap()).collect();
    found.sort_by(|a, b| compare_paths(&a.path, &b.path));
    items.extend(found.into_iter().map(|found| item(root, found.path.clone(), &found.meta, &mut first_names)));
    items
}

fn item(root: &RootDir, path: Vec<u8>, meta: &Meta, first_names: &mut BTreeMap<(u64, u64), Vec<u8>>) -> Item {
    let mut body = Vec::new();
    let known = first_names.get(&meta.id()).filter(|_| !meta.is_dir()).cloned();
    first_names.entry(meta.id()).or_insert_with(|| path.clone());
    let node = match (meta.kind, known) {
        (_, Some(target)) => Node::HardLink { target },
        (FileKind::File, _) => {
            root.open_file(&path).unwrap().read_to_end(&mut body).unwrap();
            Node::File(FileData::unread(body.len() as u64))
        }
        (FileKind::Directory, _) => Node::DIRECTORY,
        (FileKind::Symlink, _) => Node::Symlink { target: root.readlink(&path).unwrap() },
        (FileKind::CharDevice, _) => Node::CharDevice(meta.rdev),
        (FileKind::BlockDevice, _) => Node::BlockDevice(meta.rdev),
        (FileKind::Fifo | FileKind::Socket, _) => Node::Fifo,
    };
    assert_eq!(meta.mtime.nanos, 0, "times are whole seconds");
    let xattrs = root.xattrs(&path).unwrap();
    let entry = Entry { path, node, mode: meta.mode, uid: meta.uid, gid: meta.gid, mtime: meta.mtime.seconds, xattrs };
    (entry, body)
}

/// Runs a program over `input` and gives what it printed.
pub(crate) fn run(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is needed: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || std::io::Write::write_all(&mut stdin, input));
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{program} {arguments:?} failed");
    output.stdout
}

/// Numbers that look random and follow from a seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.roll(from.len() as u64) as usize]
    }
}

/// A tree with everything in it that a layer can hold but whiteouts.
pub(crate) fn random_tree(seed: u64) -> Vec<Item> {
    let mut dice = Dice(seed);
    for _ in 0..4 {
        dice.roll(2);
    }
    let mut tree: BTreeMap<Vec<u8>, Item> = BTreeMap::new();
    let mut directories = vec![Vec::new()];
    for number in 0..dice.roll(60) + 5 {
        let parent = directories[dice.roll(directories.len() as u64) as usize].clone();
        let long = "n".repeat(180);
        let stem =
            dice.pick::<[u8]>(&[b"a", b"a b", b"\xff\xfe", "żółw".as_bytes(), b"-x", b"nl\n", b"*", long.as_bytes()]);
        let path = rbuild_store::layer::join_path(&parent, &[stem, number.to_string().as_bytes()].concat());
        let (node, body) = random_node(&mut dice, &tree);
        if node.is_directory() && path.len() < 2000 {
            directories.push(path.clone());
        }
        let key = path.iter().map(|byte| if *byte == b'/' { 0 } else { *byte }).collect();
        tree.insert(key, (random_entry(&mut dice, path, node), body));
    }
    let root = random_entry(&mut dice, Vec::new(), Node::DIRECTORY);
    let mut items: Vec<Item> = std::iter::once((root, Vec::new())).chain(tree.into_values()).collect();
    settle_links(&mut items);
    items
}

fn random_node(dice: &mut Dice, tree: &BTreeMap<Vec<u8>, Item>) -> (Node, Vec<u8>) {
    let device = rbuild_store::Device { major: 1 + dice.roll(200) as u32, minor: dice.roll(70_000) as u32 };
    let length = dice.roll(3000) as usize;
    let linkable: Vec<&Item> = tree.values().filter(|(entry, _)| !entry.node.is_directory()).collect();
    let node = match dice.roll(9) {
        0..=2 => {
            let size = if dice.roll(30) == 0 { 2_500_000 } else { length };
            let body: Vec<u8> = (0..size).map(|_| dice.roll(256) as u8).collect();
            return (Node::File(FileData::unread(size as u64)), body);
        }
        3 => Node::Symlink { target: vec![b't'; 1 + length] },
        4 => Node::CharDevice(device),
        5 => Node::Fifo,
        6 if !linkable.is_empty() => {
            Node::HardLink { target: linkable[dice.roll(linkable.len() as u64) as usize].0.path.clone() }
        }
        _ => Node::DIRECTORY,
    };
    (node, Vec::new())
}

fn random_entry(dice: &mut Dice, path: Vec<u8>, node: Node) -> Entry {
    let mut entry = Entry::new(path, node, dice.roll(0o10000) as u32);
    entry.uid = [0, 5, 65534, 3_000_000_000][dice.roll(4) as usize];
    entry.gid = [0, 6, 0o7_777_777, 0o10_000_000][dice.roll(4) as usize];
    entry.mtime = [0, -5, 1_700_000_000, 9_000_000_000][dice.roll(4) as usize];
    if matches!(entry.node, Node::Symlink { .. }) {
        entry.mode = 0o777;
    }
    if matches!(entry.node, Node::File(_) | Node::Directory { .. }) && dice.roll(3) == 0 {
        entry.xattrs.insert(b"user.odd \xff name".to_vec(), b"a\0b\n=\xff".to_vec());
        entry.xattrs.insert(b"user.empty".to_vec(), Vec::new());
    }
    if matches!(entry.node, Node::File(_)) && dice.roll(4) == 0 {
        let capability = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        entry.xattrs.insert(b"security.capability".to_vec(), capability.to_vec());
    }
    entry
}

/// Gives every set of hard links its first name in order, and all of them the same metadata.
fn settle_links(items: &mut [Item]) {
    let find = |items: &[Item], path: &[u8]| items.iter().position(|(entry, _)| entry.path == path).unwrap();
    for at in 0..items.len() {
        let mut first = at;
        while let Node::HardLink { target } = &items[first].0.node {
            first = find(items, target);
        }
        if first > at {
            let (path, further) = (items[at].0.path.clone(), items[first].0.path.clone());
            items.swap(at, first);
            (items[at].0.path, items[first].0.path) = (path.clone(), further.clone());
            for (entry, _) in items.iter_mut() {
                if let Node::HardLink { target } = &mut entry.node
                    && *target == further
                {
                    target.clone_from(&path);
                }
            }
            items[first].0.node = Node::HardLink { target: path };
            first = at;
        }
        if first != at {
            let path = items[at].0.path.clone();
            let node = Node::HardLink { target: items[first].0.path.clone() };
            items[at].0 = Entry { path, node, ..items[first].0.clone() };
        }
    }
}

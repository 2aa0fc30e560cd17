//! The steps that every driver is tested with, and what each of them changes. They work on one history, in this order.

use super::World;
use crate::root_dir::{Device, FileKind};
use rbuild_oci::Timestamp;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixListener;

/// One step.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) act: fn(&World),
    /// What it changes, in words; given whether owners can be changed and whether devices can be made. None if nothing
    /// is expected in particular.
    pub(super) changes: fn(bool, bool) -> Option<String>,
}

macro_rules! step {
    ($name:literal, $act:expr, $changes:literal) => {
        Step { name: $name, act: $act, changes: |_, _| Some($changes.to_owned()) }
    };
    ($name:literal, $act:expr, if owners $changes:literal) => {
        Step { name: $name, act: $act, changes: |owners, _| Some(if owners { $changes } else { "" }.to_owned()) }
    };
    ($name:literal, $act:expr, if devices $changes:literal) => {
        Step { name: $name, act: $act, changes: |_, devices| Some(if devices { $changes } else { "" }.to_owned()) }
    };
    ($name:literal, $act:expr) => {
        Step { name: $name, act: $act, changes: |_, _| None }
    };
}

pub(super) const STEPS: &[Step] = &[
    step!("base", base),
    step!("nothing", |_| {}, ""),
    step!("create", |at| at.files(&["n/", "n/file", "n/.hidden"]), "n/ n/.hidden n/file"),
    step!("change of owner", |at| at.chown("f", 7, 8), if owners "f"),
    step!("capability", capability, if owners "cap"),
    step!("attribute of a directory", |at| at.xattr("d", "user.kit", b"\0val"), "d/"),
    step!("hard links in one step", hard_links, "n/ n/l1 n/l2>n/l1 n/l3>n/l1"),
    step!("hard link to a lower file", |at| at.link("h1", "h9"), "h1 h9>h1"),
    step!("one of two links removed", |at| at.remove("pair2"), "-pair2"),
    step!("equal files become one", |at| at.relink("twin1", "twin2"), "twin1 twin2>twin1"),
    step!("linked files of lower layers rewritten as they were", split_links, ""),
    step!("delete", |at| at.remove("gone"), "-gone"),
    step!("delete a tree", |at| at.remove("tree"), "-tree"),
    step!("empty a directory", |at| ["e/1", "e/2"].map(|name| at.remove(name)).into_iter().collect(), "e/ -e/1 -e/2"),
    step!("directory to file", |at| at.replace("dir2file"), "dir2file"),
    step!("file to directory", |at| at.replace_by_dir("file2dir"), "file2dir/ file2dir/x"),
    step!("directory to link", directory_to_link, "dir2link"),
    step!("link to elsewhere", retarget, "sym"),
    step!("opaque", |at| at.replace_by_dir("o"), "o/= o/x"),
    step!("opaque, nested", opaque_nested, "a/ a/b/ a/b/c/= a/b/c/new -a/b/old"),
    step!("opaque and empty", |at| at.replace_by_empty_dir("p"), "p/="),
    step!("deleted, then made again", |at| at.remove("again"), "-again"),
    step!("deleted, then made again: second", |at| at.replace_by_dir("again"), "again/ again/x"),
    step!("a new directory over a deleted one is no reason for opaque", |at| at.replace_by_dir("tree"), "tree/ tree/x"),
    step!("replaced by the same", replaced_by_the_same, ""),
    step!("rename", |at| at.rename("r1", "r2"), "-r1 r2"),
    step!("rename of a directory", |at| at.rename("mv", "mw"), "-mv mw/ mw/in/ mw/in/f mw/l"),
    step!("mode of a file", |at| at.chmod("chmod", 0o4711), "chmod"),
    step!("mode of a directory", |at| at.chmod("d", 0o1777), "d/"),
    step!("mode of the root", |at| at.chmod("", 0o711), "/"),
    step!("time of a file", |at| at.time("touch", 1_234), "touch"),
    step!("time of a directory", |at| at.time("d", 1_234), "d/"),
    step!("fraction of a second", fraction, ""),
    step!("same size and time, other content", same_size_and_time, "same"),
    step!("appended", |at| at.append("f", b"more"), "f"),
    step!("a hole", hole, "sparse"),
    step!("copied up, not changed", copied_up, ""),
    step!("made and removed", made_and_removed, "d/"),
    step!("pipe", |at| at.root.mknod(b"d/pipe", FileKind::Fifo, 0o640, Device::default()).unwrap(), "d/ d/pipe"),
    step!("socket", |at| drop(UnixListener::bind(at.path.join("sock")).unwrap()), ""),
    step!("devices", devices, if devices "dev/ dev/block dev/null"),
    step!("device to file", |at| if at.has_devices { at.replace("dev/null") }, if devices "dev/ dev/null"),
    step!("deep", deep),
    step!("long names", long_names),
    step!("long names removed", |at| at.remove(&at.longest_name())),
    step!("odd names", odd_names),
    step!("odd names removed", |at| at.root.remove(b"d\xff/caf\xe9").unwrap(), "d\u{fffd}/ -d\u{fffd}/caf\u{fffd}"),
    step!("everything removed", |at| for entry in at.root.list(b"").unwrap() {
        at.root.remove_tree(&entry.name).unwrap();
    }),
];

fn base(at: &World) {
    at.files(&["f", "g", "cap", "d/", "d/f", "n/", "h1", "pair1", "gone", "tree/", "tree/a/", "tree/a/f", "e/", "e/1"]);
    at.files(&["e/2", "dir2file/", "dir2file/f", "file2dir", "dir2link/", "dir2link/f", "o/", "o/old", "o/old2"]);
    at.files(&["a/", "a/keep", "a/b/", "a/b/old", "a/b/c/", "a/b/c/old", "p/", "p/f", "again", "r1", "mv/", "mv/in/"]);
    at.files(&["mv/in/f", "chmod", "touch", "same", "sparse", "s/", "s/f", "s/sub/", "s/sub/f", "twin1", "twin2"]);
    at.link("pair1", "pair2");
    at.link("pair1", "d/pair3");
    at.files(&["set1"]);
    at.link("set1", "set2");
    at.root.symlink(b"../else", b"mv/l").unwrap();
    at.root.symlink(b"real", b"sym").unwrap();
    at.chmod("f", 0o600);
    at.xattr("f", "user.kit", b"value");
}

fn capability(at: &World) {
    if at.has_owners {
        let value = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        at.xattr("cap", "security.capability", &value);
    }
}

fn hard_links(at: &World) {
    at.files(&["n/l1"]);
    at.link("n/l1", "n/l3");
    at.link("n/l1", "n/l2");
}

/// As `sed -i` does it, with the old time set again.
fn split_links(at: &World) {
    let before = at.root.stat(b"set2").unwrap().mtime;
    at.remove("set2");
    at.file("set2", b"set1");
    at.root.set_times(b"set2", before).unwrap();
}

fn directory_to_link(at: &World) {
    at.remove("dir2link");
    at.root.symlink(b"a", b"dir2link").unwrap();
}

fn retarget(at: &World) {
    at.remove("sym");
    at.root.symlink(b"unreal", b"sym").unwrap();
}

fn opaque_nested(at: &World) {
    at.remove("a/b");
    at.files(&["a/b/", "a/b/c/", "a/b/c/new"]);
}

fn replaced_by_the_same(at: &World) {
    let paths = ["s/sub/f", "s/sub", "s/f", "s"];
    let times = paths.map(|path| at.root.stat(path.as_bytes()).unwrap().mtime);
    at.remove("s");
    at.files(&["s/", "s/f", "s/sub/", "s/sub/f"]);
    for (path, time) in paths.into_iter().zip(times) {
        at.root.set_times(path.as_bytes(), time).unwrap();
    }
}

fn fraction(at: &World) {
    let seconds = at.root.stat(b"g").unwrap().mtime.seconds;
    at.root.set_times(b"g", Timestamp { seconds, nanos: 500_000_000 }).unwrap();
}

fn same_size_and_time(at: &World) {
    let before = at.root.stat(b"same").unwrap().mtime;
    OpenOptions::new().write(true).open(at.path.join("same")).unwrap().write_all(b"SAME").unwrap();
    at.root.set_times(b"same", before).unwrap();
}

fn hole(at: &World) {
    let file = OpenOptions::new().write(true).open(at.path.join("sparse")).unwrap();
    file.write_all_at(b"end", 300_000).unwrap();
}

fn copied_up(at: &World) {
    OpenOptions::new().write(true).open(at.path.join("g")).unwrap();
    at.chmod("a/keep", 0o600);
    at.chmod("a/keep", 0o644);
    at.chmod("pair1", 0o600);
    at.chmod("pair1", 0o644);
}

fn made_and_removed(at: &World) {
    at.files(&["d/short"]);
    at.remove("d/short");
}

fn devices(at: &World) {
    if at.has_devices {
        at.files(&["dev/"]);
        at.root.mknod(b"dev/null", FileKind::CharDevice, 0o666, Device { major: 1, minor: 3 }).unwrap();
        at.root.mknod(b"dev/block", FileKind::BlockDevice, 0o600, Device { major: 7, minor: 0 }).unwrap();
    }
}

fn deep(at: &World) {
    let mut path = String::new();
    for depth in 0..80 {
        write!(path, "deep{depth}/").unwrap();
        at.files(&[&path]);
    }
    at.files(&[&(path + "f")]);
}

fn long_names(at: &World) {
    let (directory, file) = ("d".repeat(200), at.longest_name());
    at.files(&[&file, &format!("{directory}/"), &format!("{directory}/{directory}/")]);
    at.files(&[&format!("{directory}/{directory}/{file}")]);
    at.link(&file, &format!("{directory}/hard"));
    at.root.symlink(file.as_bytes(), format!("{directory}/link").as_bytes()).unwrap();
}

fn odd_names(at: &World) {
    at.root.mkdir(b"d\xff", 0o755).unwrap();
    at.root.create_file(b"d\xff/caf\xe9", 0o644).unwrap();
    at.root.symlink(b"t\xfe", b"d\xff/l").unwrap();
    at.files(&["nl\nx", "*", "-dash", "back\\slash", "...", "a b", ".wh-not", "Case", "case"]);
}

impl World {
    /// Makes files that hold their own names, and directories (with a slash), in this order.
    pub(super) fn files(&self, paths: &[&str]) {
        for path in paths {
            match path.strip_suffix('/') {
                Some(directory) => match self.root.mkdir(directory.as_bytes(), 0o755) {
                    Err(error) if error.is_taken() => {}
                    other => other.unwrap(),
                },
                None => {
                    self.file(path, path.rsplit('/').next().unwrap().trim_end_matches('2').as_bytes());
                }
            }
        }
    }

    /// As long as the file system takes it.
    fn longest_name(&self) -> String {
        "f".repeat(usize::try_from(rustix::fs::statvfs(&self.path).unwrap().f_namemax).unwrap())
    }

    pub(super) fn file(&self, path: &str, content: &[u8]) {
        self.root.create_file(path.as_bytes(), 0o644).unwrap().write_all(content).unwrap();
        self.chmod(path, 0o644);
    }

    pub(super) fn append(&self, path: &str, content: &[u8]) {
        OpenOptions::new().append(true).open(self.path.join(path)).unwrap().write_all(content).unwrap();
    }

    pub(super) fn remove(&self, path: &str) {
        self.root.remove_tree(path.as_bytes()).unwrap();
    }

    pub(super) fn chmod(&self, path: &str, mode: u32) {
        self.root.chmod(path.as_bytes(), mode).unwrap();
    }

    fn chown(&self, path: &str, uid: u32, gid: u32) {
        if self.has_owners {
            self.root.chown(path.as_bytes(), uid, gid).unwrap();
        }
    }

    fn time(&self, path: &str, seconds: i64) {
        self.root.set_times(path.as_bytes(), Timestamp::from_seconds(seconds)).unwrap();
    }

    fn xattr(&self, path: &str, name: &str, value: &[u8]) {
        self.root.set_xattr(path.as_bytes(), name.as_bytes(), value).unwrap();
    }

    fn link(&self, old: &str, new: &str) {
        self.root.hardlink(old.as_bytes(), new.as_bytes()).unwrap();
    }

    pub(super) fn relink(&self, old: &str, new: &str) {
        self.remove(new);
        self.link(old, new);
    }

    fn replace(&self, path: &str) {
        self.remove(path);
        self.files(&[path]);
    }

    pub(super) fn replace_by_dir(&self, path: &str) {
        self.remove(path);
        self.files(&[&format!("{path}/"), &format!("{path}/x")]);
    }

    fn replace_by_empty_dir(&self, path: &str) {
        self.remove(path);
        self.files(&[&format!("{path}/")]);
    }

    /// As `mv` does it: overlayfs moves no directory of a lower layer (EXDEV), so it is copied.
    fn rename(&self, old: &str, new: &str) {
        match self.root.rename(old.as_bytes(), new.as_bytes()) {
            Err(crate::Error::Io { source, .. }) if source.kind() == ErrorKind::CrossesDevices => {}
            other => return other.unwrap(),
        }
        self.files(&[&format!("{new}/")]);
        let (from, to) = (self.root.subroot(old.as_bytes()).unwrap(), self.root.subroot(new.as_bytes()).unwrap());
        crate::snapshot::clone::clone_tree(&from, &to, &rbuild_oci::Cancel::default()).unwrap();
        self.remove(old);
    }
}

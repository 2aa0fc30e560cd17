//! What every case starts from: a store with an image of busybox, and a way to call `rbuild run` on it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rbuild::container::{Containers, Entry};
use rbuild_oci::{
    Cancel, ContainerConfig, Descriptor, DiffId, Digest, ImageConfig, Manifest, MediaType, Platform, Timestamp,
    to_canonical_json,
};
use rbuild_store::Store;

/// The word that makes this program be rbuild.
pub(crate) const AS_RBUILD: &str = "--as-rbuild";

/// Which ids there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// All.
    Root,
    /// A user's and its subordinate ones.
    Subids,
    /// A user's alone.
    Single,
}

/// One case's surroundings; removed at its end.
#[derive(Debug)]
pub(crate) struct World {
    dir: tempfile::TempDir,
    pub(crate) mode: Mode,
}

/// A run with what it printed.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

const APPLETS: [&str; 45] = [
    "sh", "cat", "chmod", "chown", "cp", "cut", "dd", "df", "echo", "env", "false", "find", "grep", "head", "hostname",
    "id", "ip", "kill", "ln", "ls", "mkdir", "mknod", "mount", "mv", "ps", "pwd", "readlink", "rm", "seq", "sleep",
    "sort", "stat", "stty", "sync", "tail", "test", "touch", "tr", "true", "tty", "umount", "unshare", "wc", "xargs",
    "yes",
];

impl World {
    /// A store with the image `box`, whose command is a shell.
    pub(crate) fn new(mode: Mode) -> Self {
        let world = Self { dir: tempfile::tempdir().expect("a temporary directory"), mode };
        world.image("box", |config| config.cmd = Some(vec!["sh".to_owned()]));
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&self.path("store")).unwrap()
    }

    /// A file beside the store.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Keeps an image of one busybox layer under a name.
    pub(crate) fn image(&self, name: &str, shape: impl FnOnce(&mut ContainerConfig)) {
        let (store, tarball) = (self.store(), rootfs());
        let diff = DiffId(Digest::of(&tarball));
        store.layers().ingest(&tarball[..], &diff, &Cancel::new()).unwrap();
        let mut config = ImageConfig::scratch(&Platform::native());
        shape(&mut config.config);
        config.rootfs.diff_ids = vec![diff];
        let bytes = to_canonical_json(&config).unwrap();
        store.put_document(&bytes).unwrap();
        let layer = Descriptor::new(MediaType::OCI_LAYER, diff.0, tarball.len() as u64);
        let manifest = Manifest::oci(Descriptor::of(MediaType::OCI_CONFIG, &bytes), vec![layer]);
        let bytes = to_canonical_json(&manifest).unwrap();
        store.put_document(&bytes).unwrap();
        let target = Descriptor::of(MediaType::OCI_MANIFEST, &bytes);
        store.refs().set(&[(name.parse().unwrap(), target)], Timestamp::default()).unwrap();
    }

    /// `rbuild run ARGS`, to be started.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.rbuild(&[&["run"], args].concat())
    }

    /// `rbuild ARGS`, to be started.
    pub(crate) fn rbuild(&self, args: &[&str]) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(AS_RBUILD).arg("--root").arg(self.path("store")).args(args);
        command.stdin(Stdio::null()).current_dir(self.dir.path());
        command
    }

    /// `rbuild ARGS`, any verb.
    pub(crate) fn verb(&self, args: &[&str]) -> Ran {
        self.rbuild(args).output().unwrap().into()
    }

    /// `rbuild ARGS` that ends well, any verb; what it printed.
    pub(crate) fn does(&self, args: &[&str]) -> String {
        let ran = self.verb(args);
        assert!(ran.code == 0, "{args:?}: {ran:?}");
        ran.stdout
    }

    /// `rbuild run ARGS`.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    /// `rbuild run ARGS` that ends well; what it printed.
    pub(crate) fn good(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert!(ran.code == 0, "{args:?}: {ran:?}");
        ran.stdout
    }

    /// `rbuild run --rm OPTIONS box sh -c SCRIPT` that ends well; what it printed.
    pub(crate) fn shell(&self, options: &[&str], script: &str) -> String {
        self.good(&[&["--rm"], options, &["box", "sh", "-c", script]].concat())
    }

    /// `rbuild run ARGS` with something to read.
    pub(crate) fn fed(&self, args: &[&str], input: &str) -> Ran {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap().into()
    }

    /// All containers, oldest first.
    pub(crate) fn containers(&self) -> Vec<Entry> {
        let (store, mut entries) = (self.store(), Vec::new());
        let containers = Containers::new(&store);
        for id in containers.ids().unwrap() {
            entries.extend(containers.read(&id).unwrap());
        }
        entries.sort_by_key(|entry| entry.config.created);
        entries
    }

    /// The container of that name.
    pub(crate) fn named(&self, name: &str) -> Entry {
        self.containers().into_iter().find(|entry| entry.config.name == name).expect("a container of that name")
    }

    /// What a container wrote to its layer.
    pub(crate) fn upper(&self, name: &str) -> PathBuf {
        self.path("store/containers.v1").join(self.named(name).config.id.hex()).join("upper/fs")
    }

    pub(crate) fn is_single(&self) -> bool {
        self.mode == Mode::Single
    }
}

impl Drop for World {
    /// A failed case leaves nothing running. Files of subordinate ids can only be removed from inside of a namespace.
    fn drop(&mut self) {
        for entry in self.containers().into_iter().filter(|entry| entry.state.is_running()) {
            drop(self.verb(&["kill", entry.config.id.hex()]));
        }
        if self.mode == Mode::Root {
            return;
        }
        let owned =
            |path: &Path| fs::metadata(path).is_ok_and(|meta| meta.uid() == rustix::process::geteuid().as_raw());
        if owned(self.dir.path()) {
            let map = if self.is_single() { "-r" } else { "--map-auto" };
            let mut command = Command::new("unshare");
            command.args(["--user", map]).args((!self.is_single()).then_some("--map-root-user"));
            drop(command.args(["rm", "-rf"]).arg(self.path("store")).stderr(Stdio::null()).status());
        }
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let code = output.status.code().unwrap_or_else(|| -output.status.signal().unwrap_or_default());
        Self { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// busybox, two users, a directory of data with owners and modes of its own.
fn rootfs() -> Vec<u8> {
    let mut tarball = tar::Builder::new(Vec::new());
    for (path, mode, uid) in [
        ("bin", 0o755, 0),
        ("etc", 0o755, 0),
        ("home", 0o755, 0),
        ("home/app", 0o700, 1234),
        ("srv", 0o755, 0),
        ("srv/data", 0o2750, 1234),
        ("tmp", 0o1777, 0),
        ("root", 0o700, 0),
    ] {
        entry(&mut tarball, tar::EntryType::Directory, path, b"", (mode, uid));
    }
    let passwd = b"root:x:0:0:root:/root:/bin/sh\napp:x:1234:1234::/home/app:/bin/sh\n";
    let busybox = fs::read("/bin/busybox").unwrap();
    for (path, content, mode, uid) in [
        ("bin/busybox", &busybox[..], 0o755, 0),
        ("etc/passwd", passwd, 0o644, 0),
        ("etc/group", b"root:x:0:\napp:x:1234:\nextra:x:77:app\n", 0o644, 0),
        ("srv/data/seed", b"from the image\n", 0o640, 1234),
        ("srv/file", b"original\n", 0o644, 0),
    ] {
        entry(&mut tarball, tar::EntryType::Regular, path, content, (mode, uid));
    }
    for applet in APPLETS {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        header.set_mode(0o777);
        tarball.append_link(&mut header, format!("bin/{applet}"), "busybox").unwrap();
    }
    tarball.into_inner().unwrap()
}

fn entry(
    tarball: &mut tar::Builder<Vec<u8>>,
    kind: tar::EntryType,
    path: &str,
    content: &[u8],
    (mode, uid): (u32, u64),
) {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(mode);
    header.set_uid(uid);
    header.set_gid(uid);
    tarball.append_data(&mut header, path, content).unwrap();
}

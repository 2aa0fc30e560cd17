//! A store, base images for several platforms, and what the program does with them.

use crate::common::{self, base, files, skip};
use rbuild_oci::{Digest, Index, Platform};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// The kernel's list of emulators that the program sees.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Emulators<'a> {
    /// The machine's.
    Machine,
    /// Those of these registrations and no other, in a user namespace.
    Only(&'a [&'a str]),
}

/// A place with a context, a store and base images.
pub(crate) struct World {
    place: TempDir,
    /// The argument that names the base `busybox`.
    base: String,
}

/// How the program ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    /// A context of these files; the base's `arch` says for which platform it is, and its busybox is everywhere this
    /// machine's.
    pub(crate) fn new(context: &[(&str, &str)]) -> Self {
        let content = |name: &str| (platform(name), base::busybox().file("arch", 0o644, name.as_bytes()));
        Self::on(context, ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/riscv64"].map(content).into())
    }

    /// A context of these files and a base of these images.
    pub(crate) fn on(context: &[(&str, &str)], images: Vec<(Platform, base::Content)>) -> Self {
        let place = common::public_dir();
        let base = base::layout_of("busybox", &place.path().join("base"), images);
        files(&place.path().join("context"), context);
        Self { place, base }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Runs the program in the place.
    pub(crate) fn run(&self, emulators: Emulators<'_>, args: &[&str]) -> Said {
        let mut command = match emulators {
            Emulators::Machine => Command::new(env!("CARGO_BIN_EXE_rbuild")),
            Emulators::Only(registrations) => {
                let mut command = private(registrations);
                command.arg(env!("CARGO_BIN_EXE_rbuild"));
                command
            }
        };
        command.args(args).current_dir(self.place.path()).env("RBUILD_ROOT", self.path("store"));
        Said::of(command.env_remove("SOURCE_DATE_EPOCH").stdin(Stdio::null()).output().unwrap())
    }

    /// Builds the context, whatever comes of it.
    pub(crate) fn attempt(&self, emulators: Emulators<'_>, args: &[&str]) -> Said {
        let words = ["build", "--progress", "rawjson", "--build-context", &self.base];
        self.run(emulators, &[&words[..], args, &["context"]].concat())
    }

    /// Builds the context on this machine.
    pub(crate) fn build(&self, args: &[&str]) -> Said {
        self.attempt(Emulators::Machine, args).ok()
    }

    /// What the program prints.
    pub(crate) fn print(&self, args: &[&str]) -> String {
        self.run(Emulators::Machine, args).ok().out
    }

    /// A document of an image layout.
    pub(crate) fn document(&self, layout: &str, digest: &Digest) -> Value {
        let path = self.path(layout).join("blobs/sha256").join(digest.hex());
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    /// The only entry of an image layout, and the index that it points at.
    pub(crate) fn index(&self, layout: &str) -> Index {
        let top = Index::from_json(&fs::read(self.path(layout).join("index.json")).unwrap()).unwrap();
        let document = self.document(layout, &top.manifests[0].digest);
        Index::from_json(&serde_json::to_vec(&document).unwrap()).unwrap()
    }
}

impl Said {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The same, which has to be a success.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self
    }

    /// The instructions of the steps that ran, with the parts before them.
    pub(crate) fn started(&self) -> Vec<String> {
        let events = self.err.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let vertexes = events.map(|event| event["vertexes"][0].clone());
        let started = vertexes.filter(|vertex| vertex.is_object() && vertex["completed"].is_null());
        started.map(|vertex| vertex["name"].as_str().unwrap().to_owned()).collect()
    }
}

pub(crate) fn platform(name: &str) -> Platform {
    name.parse().unwrap()
}

/// A shell that gives way to what follows it once the kernel has these registrations and no other for it.
fn private(registrations: &[&str]) -> Command {
    const SCRIPT: &str = "mount -t binfmt_misc none /proc/sys/fs/binfmt_misc || exit 99; n=$1; shift; \
                          while [ $n -gt 0 ]; do printf %s \"$1\" > /proc/sys/fs/binfmt_misc/register || exit 98; \
                          shift; n=$((n - 1)); done; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh", &registrations.len().to_string()]);
    command.args(registrations);
    command
}

/// Whether this machine lets a user namespace have a binfmt_misc of its own (Linux 6.7); says so if not.
pub(crate) fn has_private_emulators() -> bool {
    let tried = private(&[]).arg("true").output();
    let works = tried.as_ref().is_ok_and(|output| output.status.success());
    if !works {
        skip(&format!("emulated platforms: a user namespace cannot have a binfmt_misc of its own here: {tried:?}"));
    }
    works
}

/// qemu for arm64 as Debian registers it, `flags` in place of its own; none, with a word about it, where it is missing.
pub(crate) fn arm64_emulator(flags: &str) -> Option<String> {
    let program = Path::new("/usr/bin/qemu-aarch64-static");
    if !program.exists() {
        skip(&format!(
            "emulation: {} is missing (Debian, Ubuntu: apt-get install qemu-user-static)",
            program.display()
        ));
        return None;
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    let magic = hex(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0");
    let mut mask = [0xff; 20];
    (mask[7], mask[16]) = (0, 0xfe);
    Some(format!(":arm64:M::{magic}:{}:{}:{flags}", hex(&mask), program.display()))
}

/// Debian's static busybox for arm64, fetched once with a private view of the machine's package lists; none, with a word
/// about it, where that is not to be had.
pub(crate) fn arm64_busybox() -> Option<Vec<u8>> {
    const FETCH: &str = "set -e; mkdir -p state/lists/partial cache/archives/partial; : > status; \
        apt() { apt-get -qq -o Dir::State=$PWD/state -o Dir::State::status=$PWD/status -o Dir::Cache=$PWD/cache \
        -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Acquire::Languages=none -o APT::Sandbox::User= \"$@\"; }; \
        apt update; apt download busybox-static; dpkg -x busybox-static*.deb .";
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("busybox-arm64");
    if !kept.exists() {
        let place = tempfile::tempdir().unwrap();
        let fetched = Command::new("sh").args(["-c", FETCH]).current_dir(place.path()).output().unwrap();
        if !fetched.status.success() {
            let reason = String::from_utf8_lossy(&fetched.stderr).into_owned();
            skip(&format!("emulation: Debian's busybox-static for arm64 cannot be fetched: {reason}"));
            return None;
        }
        fs::copy(place.path().join("bin/busybox"), &kept).unwrap();
    }
    Some(fs::read(kept).unwrap())
}

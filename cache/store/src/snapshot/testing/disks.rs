//! The suite again on other file systems, each made in a sparse file and mounted where only the test sees it: in
//! namespaces of its own, with which all of it goes, also when it is killed. In user namespaces too.

use super::drivers::EXPECTED;
use super::namespaces::{is_machine_root, run_tests};
use std::process::Command;

/// Kills what it starts when the test dies; what is mounted inside is seen by nobody else and goes at the end.
const PRIVATE: &[&str] = &[
    "setpriv",
    "--pdeathsig=KILL",
    "unshare",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "sh",
    "-ec",
];

/// Mounts a new file system of the type $1 with the options $2 on /mnt/disk, gives all users a way to FUSE, and goes on
/// as $3… there. Its file is in memory, and a program of ZFS's own has a /run of its own.
const SCRIPT: &str = r#"
kind=$1 options=$2; shift 2
mount -t tmpfs tmpfs /mnt
mkdir /mnt/disk
mknod -m 666 /mnt/fuse c 10 229
mount --bind /mnt/fuse /dev/fuse
disk=/mnt/image
truncate -s 2G "$disk"
case $kind in
zfs)
  mount -t tmpfs tmpfs /run
  mkdir /run/lock
  zfs-fuse --no-daemon --no-kstat-mount --enable-xattr >&2 &
  until zpool list >/dev/null 2>&1; do kill -0 $!; done
  zpool create -f -o cachefile=none -m /mnt/disk rbuildtest "$disk"
  ;;
*)
  case $kind in xfs) flags='-m reflink=1 -q' ;; *) flags=-q ;; esac
  mkfs.$kind $flags "$disk" >&2
  mount -o "loop,$options" "$disk" /mnt/disk
  ;;
esac
chmod 1777 /mnt/disk
TMPDIR=/mnt/disk exec "$@"
"#;

/// Goes on as $1… in a user namespace with a range of ids.
const RANGE: [&str; 4] = [
    "sh",
    "-ec",
    r#"
unshare --user sleep infinity &
until [ "$(readlink /proc/$!/ns/user)" != "$(readlink /proc/$$/ns/user)" ]; do :; done
echo "0 100000 65536" | tee /proc/$!/uid_map >/proc/$!/gid_map
exec nsenter --user --target=$! --setuid=0 --setgid=0 unshare --mount "$@"
"#,
    "sh",
];

/// Goes on in a user namespace with one id.
const SINGLE: [&str; 8] =
    ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "unshare", "--user", "--map-root-user", "--mount"];

/// A file system for tests.
struct Disk {
    kind: &'static str,
    options: &'static str,
    /// What makes it.
    program: &'static str,
    /// Debian's package that has the program.
    package: &'static str,
    /// The drivers that have to work on it.
    drivers: &'static str,
    /// What is tested there.
    tests: &'static [&'static str],
}

const BTRFS: Disk = Disk {
    kind: "btrfs",
    options: "rw",
    program: "mkfs.btrfs",
    package: "btrfs-progs",
    drivers: "btrfs reflink",
    tests: &["snapshot::testing::drivers::", "snapshot::testing::keeping::", "usage::"],
};
const XFS: Disk = Disk {
    kind: "xfs",
    options: "rw",
    program: "mkfs.xfs",
    package: "xfsprogs",
    drivers: "reflink fuse-overlayfs",
    tests: &["snapshot::testing::drivers::", "usage::"],
};
/// ZFS in a program is slow.
const ZFS: Disk = Disk {
    kind: "zfs",
    options: "rw",
    program: "zfs-fuse",
    package: "zfs-fuse",
    drivers: "zfs",
    tests: &[
        "snapshot::testing::drivers::",
        "keeping::a_lower",
        "keeping::a_kept",
        "keeping::what_one",
        "keeping::info",
    ],
};

impl Disk {
    /// The start of a command line that sees the disk; none where it cannot be made.
    fn command(&self, words: &[&str]) -> Option<Command> {
        if !is_machine_root() {
            eprintln!("SKIP: needs root to make a disk of {}", self.kind);
            return None;
        }
        if Command::new(self.program).arg("-V").output().is_err() {
            eprintln!("SKIP: no {}: apt-get install {}", self.program, self.package);
            return None;
        }
        let mut command = Command::new(PRIVATE[0]);
        command.args(&PRIVATE[1..]).args([SCRIPT, "sh", self.kind, self.options]).args(words);
        command.env(EXPECTED, self.drivers);
        Some(command)
    }

    /// Runs the suite behind some words and gives what it says; none where it cannot run.
    fn test(&self, words: &[&str]) -> Option<String> {
        let text = run_tests(&mut self.command(words)?, self.tests);
        for driver in self.drivers.split(' ') {
            assert!(text.contains(&format!("{driver} conforms\n")), "{driver} was not tested: {text}");
        }
        Some(text)
    }
}

#[test]
fn drivers_conform_on_btrfs() {
    BTRFS.test(&[]);
}

#[test]
fn drivers_conform_on_btrfs_in_a_user_namespace() {
    Disk { options: "user_subvol_rm_allowed", tests: &["snapshot::testing::drivers::"], ..BTRFS }.test(&RANGE);
}

#[test]
fn drivers_conform_on_btrfs_with_a_single_id() {
    let text =
        Disk { drivers: "reflink", tests: &["snapshot::testing::drivers::", "keeping::info"], ..BTRFS }.test(&SINGLE);
    let reason = "subvolumes cannot be removed here unless btrfs is mounted with user_subvol_rm_allowed";
    assert!(text.is_none_or(|text| text.contains(reason)), "btrfs says why it does not work");
}

#[test]
fn drivers_conform_on_xfs() {
    XFS.test(&[]);
}

#[test]
fn drivers_conform_on_xfs_in_a_user_namespace() {
    XFS.test(&RANGE);
}

#[test]
fn drivers_conform_on_zfs() {
    ZFS.test(&[]);
}

#[test]
#[ignore = "a measurement, see `speed`; .ci/full runs it"]
fn the_speed_of_drivers_on_disks() {
    for disk in [BTRFS, XFS, ZFS] {
        if let Some(mut command) = disk.command(&[]) {
            run_tests(command.env("RBUILD_TEST_SPEED", "1"), &["snapshot::testing::speed::"]);
        }
    }
}

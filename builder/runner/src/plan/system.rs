//! PURE. The filesystems that every container has: `/proc`, `/sys`, `/dev` and what is in it (OCI runtime
//! specification, "Default Filesystems" and "Default Devices"). Knows no user's mounts.

use super::op::{MountFlags, Otherwise, SetupOp};
use crate::container::{Access, Container, Tmpfs};
use crate::userns::IdMap;

const NOSUID_NOEXEC: MountFlags = MountFlags::NOSUID.and(MountFlags::NOEXEC);
const INERT: MountFlags = NOSUID_NOEXEC.and(MountFlags::NODEV);

const DEVICES: [(&str, u32, u32); 6] = [
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
];

const LINKS: [(&str, &str); 6] = [
    ("/dev/ptmx", "pts/ptmx"),
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/core", "/proc/kcore"),
];

/// The steps that mount them.
pub(super) fn mounts(container: &Container) -> Vec<SetupOp> {
    let mut ops = vec![mount("proc", "/proc", INERT, Otherwise::Bind { path: b"/proc".to_vec() }, &[])];
    ops.extend(sys(container.confinement.sys));
    ops.push(mount("tmpfs", "/dev", MountFlags::NOSUID, Otherwise::Fail, &[("mode", "755"), ("size", "65536k")]));
    ops.extend(DEVICES.map(|(path, major, minor)| SetupOp::Device { path: path.into(), major, minor }));
    ops.extend(LINKS.map(|(path, to)| SetupOp::Link { path: path.into(), to: to.into() }));
    ops.push(devpts(container.ids == IdMap::Single));
    ops.push(tmpfs(b"/dev/shm".to_vec(), &Tmpfs::new(Some(container.shm_size), 0o1777), INERT));
    ops.push(mount("mqueue", "/dev/mqueue", INERT, Otherwise::Skip, &[]));
    ops
}

/// A memory filesystem.
pub(super) fn tmpfs(target: Vec<u8>, tmpfs: &Tmpfs, flags: MountFlags) -> SetupOp {
    let option = |key: &str, value: String| (key.as_bytes().to_vec(), value.into_bytes());
    let mut options = vec![option("mode", format!("{:o}", tmpfs.mode))];
    options.extend(tmpfs.size.map(|size| option("size", size.to_string())));
    let owner = [("uid", tmpfs.uid), ("gid", tmpfs.gid)].into_iter().filter(|(_, id)| *id != 0);
    options.extend(owner.map(|(key, id)| option(key, id.to_string())));
    let flags = flags.and(tmpfs.flags);
    SetupOp::Mount { fs: b"tmpfs".to_vec(), target, flags, options, otherwise: Otherwise::Fail }
}

/// `/sys`, and version 2 control groups in it where the host has them there.
fn sys(access: Access) -> [SetupOp; 2] {
    let flags = match access {
        Access::ReadOnly | Access::ReadOnlyTop => INERT.and(MountFlags::READ_ONLY),
        Access::ReadWrite => INERT,
    };
    [
        mount("sysfs", "/sys", flags, Otherwise::Bind { path: b"/sys".to_vec() }, &[]),
        mount("cgroup2", "/sys/fs/cgroup", flags, Otherwise::Skip, &[]),
    ]
}

/// Group 5 is tty everywhere; with a single id it has no number to be.
fn devpts(single_id: bool) -> SetupOp {
    let all = [("newinstance", ""), ("ptmxmode", "0666"), ("mode", "0620"), ("gid", "5")];
    let options = if single_id { &all[..3] } else { &all[..] };
    mount("devpts", "/dev/pts", NOSUID_NOEXEC, Otherwise::Fail, options)
}

fn mount(fs: &str, target: &str, flags: MountFlags, otherwise: Otherwise, options: &[(&str, &str)]) -> SetupOp {
    SetupOp::Mount {
        fs: fs.into(),
        target: target.into(),
        flags,
        options: options.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        otherwise,
    }
}

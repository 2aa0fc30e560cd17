//! Steps that fit a container's namespaces to it: control groups, network, kernel parameters. Knows no mount and no user.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::channel::Channel;
use crate::sys;
use crate::wire::Report;

/// From now on this process's own control group is the root of all that it sees of them.
pub(super) fn own_group() -> io::Result<()> {
    sys::own_cgroup_namespace()
}

/// Hands the network namespace to the parent.
pub(super) fn offer_network(channel: &Channel) -> io::Result<()> {
    let network = fs::File::open("/proc/self/ns/net")?;
    channel.report(&Report::Network {}, Some(network.as_fd()))
}

/// Brings `lo` up.
pub(super) fn loopback() -> io::Result<()> {
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    sys::loopback_up(&socket)
}

/// Whoever lacks the privilege to lower the score keeps the one there is.
pub(super) fn oom_score(score: i32) -> io::Result<()> {
    match fs::write("/proc/self/oom_score_adj", score.to_string()) {
        Err(error) if matches!(Errno::from_io_error(&error), Some(Errno::ACCESS | Errno::PERM)) => Ok(()),
        done => done,
    }
}

/// Writes a parameter as this process's namespaces have it.
pub(super) fn sysctl(name: &[u8], value: &[u8]) -> io::Result<()> {
    let path: Vec<u8> = name.iter().map(|&byte| if byte == b'.' { b'/' } else { byte }).collect();
    fs::write(Path::new("/proc/sys").join(OsStr::from_bytes(&path)), value)
}

//! Steps that change what this process is: its session, limits, user and capabilities. Knows no mount.

use std::io;

use rustix::io::Errno;
use rustix::process::{Gid, Resource as Kernel, Rlimit, Uid, chdir, getcwd, getrlimit, setrlimit, setsid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities as held, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use crate::caps::Caps;
use crate::container::Resource;

/// Sets a limit; never above the hard limit there is.
pub(super) fn limit(resource: Resource, soft: Option<u64>, hard: Option<u64>) -> io::Result<()> {
    let kernel = kernel_resource(resource);
    let ceiling = getrlimit(kernel).maximum;
    let hard = lower(hard, ceiling);
    Ok(setrlimit(kernel, Rlimit { current: lower(soft, hard), maximum: hard })?)
}

/// The lower of two limits, where none is the highest.
fn lower(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

/// A session of its own; the first process of a pid namespace may lead one already.
pub(super) fn session() -> io::Result<()> {
    match setsid() {
        Ok(_) | Err(Errno::PERM) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Changes the working directory. One that no path of the container leads to, as a descriptor of the host's could, is
/// refused.
pub(super) fn change_directory(path: &[u8]) -> io::Result<()> {
    chdir(path)?;
    if !getcwd(Vec::new())?.as_bytes().starts_with(b"/") {
        return Err(Errno::XDEV.into());
    }
    Ok(())
}

/// Drops from the bounding set all that is not in `caps`.
pub(super) fn bounding(caps: Caps) -> io::Result<()> {
    for number in (0..64).filter(|&number| !caps.has(number)) {
        let one = CapabilitySet::from_bits_retain(1 << number);
        match remove_capability_from_bounding_set(one) {
            Ok(()) => {}
            Err(Errno::INVAL) => break,
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Replaces the supplementary groups.
pub(super) fn groups(gids: &[u32]) -> io::Result<()> {
    let gids: Vec<Gid> = gids.iter().map(|&gid| Gid::from_raw(gid)).collect();
    Ok(set_thread_groups(&gids)?)
}

/// Changes group and user for good. The death of the parent must stay this process's death: the kernel forgets that
/// with the user.
pub(super) fn become_user(uid: u32, gid: u32) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    Ok(rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?)
}

/// What user 0 holds: `caps`, as far as this process has them, nothing to inherit.
pub(super) fn capabilities(caps: Caps) -> io::Result<()> {
    clear_ambient_capability_set()?;
    let kept = held(None)?.permitted & CapabilitySet::from_bits_retain(caps.bits());
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    Ok(set_capabilities(None, sets)?)
}

fn kernel_resource(resource: Resource) -> Kernel {
    match resource {
        Resource::Core => Kernel::Core,
        Resource::Cpu => Kernel::Cpu,
        Resource::Data => Kernel::Data,
        Resource::Fsize => Kernel::Fsize,
        Resource::Locks => Kernel::Locks,
        Resource::Memlock => Kernel::Memlock,
        Resource::Msgqueue => Kernel::Msgqueue,
        Resource::Nice => Kernel::Nice,
        Resource::Nofile => Kernel::Nofile,
        Resource::Nproc => Kernel::Nproc,
        Resource::Rss => Kernel::Rss,
        Resource::Rtprio => Kernel::Rtprio,
        Resource::Rttime => Kernel::Rttime,
        Resource::Sigpending => Kernel::Sigpending,
        Resource::Stack => Kernel::Stack,
    }
}

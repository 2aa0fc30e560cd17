//! The steps of setting up a container, as data, and how each prints (in goldens and in errors). Performs nothing.

use std::fmt;
use std::path::PathBuf;

use crate::caps::Caps;
pub use crate::container::MountFlags;
use crate::container::{Overlay, Propagation, Resource};
use crate::namespaces::Spaces;
use crate::seccomp::SockFilter;

/// One step inside the new namespaces. Targets are paths from the container's root.
#[allow(missing_docs)] // of fields: each variant's line says what they are
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetupOp {
    /// A view of the control groups whose root is this process's own group.
    OwnGroup {},
    /// Show the parent the network namespace; it joins that to the machine's network meanwhile.
    OfferNetwork {},
    /// Wait until the network is ready.
    AwaitNetwork {},
    /// How ready the kernel is to kill this process when memory runs out.
    OomScore { score: i32 },
    /// Set a parameter of the kernel, by its dotted name.
    Sysctl { name: Vec<u8>, value: Vec<u8> },
    /// Set the NIS domain name.
    Domainname { name: Vec<u8> },
    /// Keep a copy of the host's mounts at `path` before they are cut off; see [`BindSource::Held`].
    Hold { path: Vec<u8> },
    /// Cut this mount namespace off from the host's.
    PrivateMounts {},
    /// A memory filesystem, out of the container's sight, for [`SetupOp::File`].
    FileStore {},
    /// The rootfs is this overlay.
    OverlayRoot { overlay: Overlay },
    /// The rootfs is this directory.
    BindRoot { path: Vec<u8> },
    /// The rootfs is the n-th file passed along: a detached mount.
    PassedRoot { index: u32 },
    /// A fresh filesystem at `target`.
    Mount { fs: Vec<u8>, target: Vec<u8>, flags: MountFlags, options: Vec<(Vec<u8>, Vec<u8>)>, otherwise: Otherwise },
    /// An overlay at `target`.
    Overlay { overlay: Overlay, target: Vec<u8>, flags: MountFlags },
    /// A device node of mode 0666, or a bind of the host's where nodes cannot be made.
    Device { path: Vec<u8>, major: u32, minor: u32 },
    /// A symlink; one that exists is kept.
    Link { path: Vec<u8>, to: Vec<u8> },
    /// A file or directory of the host, with the mounts below it.
    Bind { source: BindSource, target: Vec<u8>, flags: MountFlags, propagation: Propagation },
    /// A file in memory.
    File { path: Vec<u8>, content: Vec<u8>, mode: u32, uid: u32, gid: u32, flags: MountFlags },
    /// A directory that is made, to stay, when it is missing.
    Directory { path: Vec<u8> },
    /// Hide what is at `path`, if anything.
    Mask { path: Vec<u8> },
    /// Refuse writes at `path`, if it exists.
    ReadOnly { path: Vec<u8> },
    /// Refuse writes to the rootfs itself.
    ReadOnlyRoot {},
    /// Make the rootfs `/` and drop the host's mounts.
    Pivot {},
    /// Set the host name.
    Hostname { name: Vec<u8> },
    /// Bring `lo` up.
    Loopback {},
    /// Lower a resource limit.
    Limit { resource: Resource, soft: Option<u64>, hard: Option<u64> },
    /// A session of its own, without a controlling terminal.
    Session {},
    /// The first three passed files become the standard streams; those that are pipes are given to `owner`.
    Streams { owner: u32 },
    /// A new terminal becomes the standard streams; its outer side goes to the parent.
    Console { owner: u32 },
    /// Permission bits that new files do not get; none are withheld before this step.
    Umask { mask: u32 },
    /// The working directory.
    Chdir { path: Vec<u8> },
    /// Set-user-id programs and file capabilities lose their effect.
    NoNewPrivileges {},
    /// Install a seccomp filter.
    Seccomp { filter: Vec<SockFilter> },
    /// The most that any later program can hold.
    Bounding { caps: Caps },
    /// Supplementary groups.
    Groups { gids: Vec<u32> },
    /// User and group.
    Identity { uid: u32, gid: u32 },
    /// What this process holds.
    Capabilities { caps: Caps },
    /// Stay as a reaper; what follows happens in a child.
    Reaper {},
    /// Be counted in this control group of the machine (its `cgroup.procs`).
    Cgroup { path: PathBuf },
    /// Enter these namespaces of the process whose pidfd is the n-th passed file; its process namespace is that of later
    /// children.
    Enter { process: u32, spaces: Spaces },
    /// Go on in a child, which is the parent's child as well; the parent hears of it before it goes on.
    Fork {},
    /// A new terminal of the user that this process is becomes the standard streams and the session's own; its outer
    /// side goes to the parent.
    Terminal {},
    /// Become the program: the first of `candidates` that exists and is executable.
    Exec { argv: Vec<Vec<u8>>, env: Vec<Vec<u8>>, candidates: Vec<Vec<u8>> },
}

/// What a bind shows.
#[allow(missing_docs)] // of fields
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindSource {
    /// A path of the host.
    Path { path: Vec<u8> },
    /// The n-th file passed along: a detached mount, as only the parent could make it of its own files.
    Passed { index: u32 },
    /// The n-th [`SetupOp::Hold`].
    Held { index: u32 },
}

/// What to do where a fresh filesystem is refused.
#[allow(missing_docs)] // of fields
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// The container cannot run.
    Fail,
    /// Bind this path of the host, with what is mounted below it.
    Bind { path: Vec<u8> },
    /// Go on without it.
    Skip,
}

impl fmt::Display for MountFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::NOSUID, "nosuid"),
            (Self::NODEV, "nodev"),
            (Self::NOEXEC, "noexec"),
            (Self::READ_ONLY, "ro"),
            (Self::TOP_ONLY, "top only"),
        ];
        let set: Vec<&str> = names.iter().filter(|(flag, _)| self.has(*flag)).map(|(_, name)| *name).collect();
        f.write_str(if set.is_empty() { "rw".to_owned() } else { set.join(",") }.as_str())
    }
}

impl fmt::Display for Otherwise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fail => Ok(()),
            Self::Bind { path } => write!(f, " else bind {}", text(path)),
            Self::Skip => f.write_str(" else skip"),
        }
    }
}

impl fmt::Display for BindSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path { path } => f.write_str(&text(path)),
            Self::Passed { index } => write!(f, "passed file {index}"),
            Self::Held { index } => write!(f, "held mount {index}"),
        }
    }
}

impl fmt::Display for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for lower in &self.lowers {
            write!(f, " lower={}", lower.display())?;
        }
        write!(f, " upper={} work={}", self.upper.display(), self.work.display())?;
        f.write_str(if self.volatile { " volatile" } else { "" })?;
        f.write_str(if self.userxattr { " userxattr" } else { "" })
    }
}

impl fmt::Display for SetupOp {
    /// One line; contents of injected files and of the environment (they may be secret) never show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnGroup {} => f.write_str("take the control group for the root"),
            Self::OfferNetwork {} => f.write_str("offer the network"),
            Self::AwaitNetwork {} => f.write_str("wait for the network"),
            Self::OomScore { score } => write!(f, "set the out-of-memory score to {score}"),
            Self::Sysctl { name, value } => write!(f, "set {} to {}", text(name), text(value)),
            Self::Domainname { name } => write!(f, "set domain name {}", text(name)),
            Self::Hold { path } => write!(f, "hold mounts of {}", text(path)),
            Self::PrivateMounts {} => f.write_str("cut mounts off from the host"),
            Self::FileStore {} => f.write_str("memory for files"),
            Self::OverlayRoot { overlay } => write!(f, "mount overlay on the root:{overlay}"),
            Self::BindRoot { path } => write!(f, "bind {} on the root", text(path)),
            Self::PassedRoot { index } => write!(f, "put passed mount {index} on the root"),
            Self::Mount { fs, target, flags, options, otherwise } => {
                write!(f, "mount {} on {} ({flags}", text(fs), text(target))?;
                for (key, value) in options {
                    write!(f, ",{}{}{}", text(key), if value.is_empty() { "" } else { "=" }, text(value))?;
                }
                write!(f, "){otherwise}")
            }
            Self::Overlay { overlay, target, flags } => {
                write!(f, "mount overlay on {} ({flags}):{overlay}", text(target))
            }
            Self::Device { path, major, minor } => write!(f, "device {} {major}:{minor}", text(path)),
            Self::Link { path, to } => write!(f, "symlink {} -> {}", text(path), text(to)),
            Self::Bind { source, target, flags, propagation } => {
                write!(f, "bind {source} on {} ({flags},{propagation:?})", text(target))
            }
            Self::File { path, content, mode, uid, gid, flags } => {
                write!(f, "file {} ({} bytes, {mode:04o} {uid}:{gid}, {flags})", text(path), content.len())
            }
            Self::Directory { path } => write!(f, "have directory {}", text(path)),
            Self::Mask { path } => write!(f, "mask {}", text(path)),
            Self::ReadOnly { path } => write!(f, "make {} read-only", text(path)),
            Self::ReadOnlyRoot {} => f.write_str("make the root read-only"),
            Self::Pivot {} => f.write_str("pivot into the root"),
            Self::Hostname { name } => write!(f, "set hostname {}", text(name)),
            Self::Loopback {} => f.write_str("bring lo up"),
            Self::Limit { resource, soft, hard } => {
                let show = |value: &Option<u64>| value.map_or_else(|| "unlimited".to_owned(), |n| n.to_string());
                write!(f, "limit {resource:?} to {}:{}", show(soft), show(hard))
            }
            Self::Session {} => f.write_str("start a session"),
            Self::Streams { owner } => write!(f, "standard streams for user {owner}"),
            Self::Console { owner } => write!(f, "terminal for user {owner}"),
            Self::Umask { mask } => write!(f, "umask {mask:04o}"),
            Self::Chdir { path } => write!(f, "change to working directory {}", text(path)),
            Self::NoNewPrivileges {} => f.write_str("no new privileges"),
            Self::Seccomp { filter } => write!(f, "seccomp filter of {} instructions", filter.len()),
            Self::Bounding { caps } => write!(f, "bounding set {caps}"),
            Self::Groups { gids } => write!(f, "groups {gids:?}"),
            Self::Identity { uid, gid } => write!(f, "become user {uid}:{gid}"),
            Self::Capabilities { caps } => write!(f, "capabilities {caps}"),
            Self::Reaper {} => f.write_str("stay as a reaper"),
            Self::Cgroup { path } => write!(f, "be counted in {}", path.display()),
            Self::Enter { process, spaces } => write!(f, "enter namespaces {spaces} of passed process {process}"),
            Self::Fork {} => f.write_str("go on in a child"),
            Self::Terminal {} => f.write_str("terminal"),
            Self::Exec { argv, candidates, .. } => {
                let argv: Vec<String> = argv.iter().map(|arg| format!("{:?}", text(arg))).collect();
                let candidates: Vec<String> = candidates.iter().map(|path| text(path)).collect();
                write!(f, "exec {} as [{}]", candidates.join(" or "), argv.join(", "))
            }
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

//! What to run and in what surroundings, as plain data. Knows no system call and no build step.
//!
//! Paths inside the container are bytes, absolute from its root; paths of the host are `PathBuf`s.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use crate::caps::Caps;
use crate::cgroup::Control;
use crate::executor::Birth;
use crate::network::Private;
use crate::seccomp::SockFilter;
use crate::userns::IdMap;

/// One process and everything around it.
#[derive(Clone, Debug)]
pub struct Container {
    /// What `/` is.
    pub rootfs: Rootfs,
    /// Whether `/` itself is read-only (mounts below it keep their own access).
    pub root_access: Access,
    /// Mounts over the rootfs, mounted parents first; of two with one target the later one is seen.
    pub mounts: Vec<MountSpec>,
    /// Files that exist in memory only, mounted over their paths.
    pub files: Vec<InjectedFile>,
    /// The program and its arguments; a program without `/` is looked up in the container's `PATH`.
    pub argv: Vec<Vec<u8>>,
    /// `KEY=value`; the whole environment, nothing is added.
    pub env: Vec<Vec<u8>>,
    /// Working directory inside the container; made (root's, 0755) when it is missing.
    pub cwd: Vec<u8>,
    /// Who runs it.
    pub user: User,
    /// Host name in its own UTS namespace.
    pub hostname: Vec<u8>,
    /// NIS domain name; empty is the machine's.
    pub domainname: Vec<u8>,
    /// Which network it sees.
    pub network: Network,
    /// What it may do.
    pub confinement: Confinement,
    /// Where its input comes from and its output goes.
    pub stdio: Stdio,
    /// Size of `/dev/shm` in bytes.
    pub shm_size: u64,
    /// Resource limits; a value above the hard limit this process already has is lowered to it, never raised.
    pub limits: Vec<Limit>,
    /// Parameters of the kernel, by dotted name: those of the container's own namespaces only.
    pub sysctls: Vec<(Vec<u8>, Vec<u8>)>,
    /// How ready the kernel is to kill it when memory runs out, -1000 to 1000; one below this process's own is not set
    /// where that needs a privilege it lacks.
    pub oom_score_adj: Option<i32>,
    /// Its control group; none is that of this process.
    pub control: Option<Control>,
    /// Whether pid 1 is a small reaper that forwards signals, with the program as its child.
    pub init: bool,
    /// The user namespace this program runs in; see [`IdMap::current`].
    pub ids: IdMap,
}

/// What the container sees as `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rootfs {
    /// Layers below a writable directory.
    Overlay(Overlay),
    /// A directory of the host as it is, with the mounts below it.
    Bind(PathBuf),
    /// A mount that the container takes with it.
    Mounted(Mounted),
}

/// A mount of the caller's that is attached nowhere (fsmount(2)). It is attached to one container only, which is why it
/// is equal to its clones alone.
#[derive(Clone, Debug)]
pub struct Mounted(pub Arc<OwnedFd>);

impl Container {
    /// What its first process is born with.
    pub fn birth(&self) -> Birth {
        Birth { network: self.network != Network::Host, control: self.control.clone() }
    }
}

impl PartialEq for Mounted {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Mounted {}

/// An overlay mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    /// Read-only directories, **topmost first** (the order of overlayfs's `lowerdir=`); none makes `upper` a plain
    /// bind. The kernel takes at most [`Overlay::MOST_LOWERS`].
    pub lowers: Vec<PathBuf>,
    /// What is written.
    pub upper: PathBuf,
    /// An empty directory on the same filesystem as `upper`, fresh for every run.
    pub work: PathBuf,
    /// Whether fsync may be ignored: upper is then of no use after a crash of the machine.
    pub volatile: bool,
    /// Whether overlay's marks are kept in `user.overlay.*` instead of `trusted.overlay.*`.
    pub userxattr: bool,
}

impl Overlay {
    /// The kernel's `OVL_MAX_STACK`.
    pub const MOST_LOWERS: usize = 500;
}

/// Whether a mount may be written through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads and writes.
    ReadWrite,
    /// Reads only; applies to mounts below too.
    ReadOnly,
    /// Reads only; mounts below keep their own access.
    ReadOnlyTop,
}

/// One mount over the rootfs.
#[derive(Clone, Debug)]
pub struct MountSpec {
    /// What is mounted.
    pub source: Source,
    /// Where, from the container's root; symlinks are followed inside the rootfs and never out of it. Created when
    /// missing, and then reported as a [`crate::Stub`].
    pub target: Vec<u8>,
    /// Whether it may be written.
    pub access: Access,
    /// How later mounts travel between it and its source.
    pub propagation: Propagation,
}

/// What a mount shows.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file or directory of the host, with the mounts below it. Symlinks are followed as the host sees them: a path
    /// that an image or a context has a say in must come as [`Source::Fd`].
    Path(PathBuf),
    /// A file or directory opened by the caller, with the mounts below it.
    Fd(Arc<OwnedFd>),
    /// A mount that the container takes with it.
    Mounted(Mounted),
    /// Memory.
    Tmpfs(Tmpfs),
    /// An overlay of its own: a writable view whose writes land in its upper directory.
    Overlay(Overlay),
}

/// A filesystem in memory (tmpfs(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tmpfs {
    /// Most bytes it may hold; the kernel's default (half of memory) when `None`.
    pub size: Option<u64>,
    /// Permission bits of its root.
    pub mode: u32,
    /// Owner of its root inside the container.
    pub uid: u32,
    /// Group of its root inside the container.
    pub gid: u32,
    /// What cannot be done in it.
    pub flags: MountFlags,
}

/// Attributes of one mount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MountFlags(pub u8);

impl MountFlags {
    /// Set-user-id bits have no effect.
    pub const NOSUID: Self = Self(1);
    /// Devices cannot be opened.
    pub const NODEV: Self = Self(2);
    /// Programs cannot be started.
    pub const NOEXEC: Self = Self(4);
    /// Nothing can be written.
    pub const READ_ONLY: Self = Self(8);
    /// The flags say nothing of mounts below.
    pub const TOP_ONLY: Self = Self(16);

    /// Both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is in this set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Mount propagation (`mount_namespaces(7)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// Nothing travels.
    Private,
    /// Mounts made at the source later appear in the container.
    Slave,
    /// Both ways.
    Shared,
}

/// A file in memory, mounted over `path`. Its content never touches a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InjectedFile {
    /// Where, from the container's root.
    pub path: Vec<u8>,
    /// The whole content.
    pub content: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
    /// Owner inside the container; with a single id there is only user 0.
    pub uid: u32,
    /// Group inside the container; with a single id there is only group 0.
    pub gid: u32,
    /// Whether it may be written (the writes are lost with the container).
    pub access: Access,
}

/// Numeric identity of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// User id inside the container.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary group ids, sorted; need not name `gid`.
    pub groups: Vec<u32>,
}

/// Which network a container sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// The network of this process.
    Host,
    /// A namespace of its own with nothing but `lo`, up.
    None,
    /// A namespace of its own, joined to the machine's network by a helper.
    Private(Private),
}

/// What a process may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confinement {
    /// Bounding set, and what user 0 holds; less where this program itself holds less.
    pub caps: Caps,
    /// A compiled seccomp filter; none lets every call through.
    pub seccomp: Option<Vec<SockFilter>>,
    /// Whether set-user-id programs and file capabilities are without effect.
    pub no_new_privileges: bool,
    /// Paths that read as empty.
    pub masked: Vec<Vec<u8>>,
    /// Paths that cannot be written.
    pub read_only: Vec<Vec<u8>>,
    /// Access of `/sys` and its control groups.
    pub sys: Access,
}

/// Standard streams of the process.
#[derive(Clone, Debug)]
pub enum Stdio {
    /// Empty input; output through pipes into [`crate::Output`].
    Captured,
    /// Input from this file; output through pipes into [`crate::Output`].
    Input(Arc<OwnedFd>),
    /// These files as they are, in the order stdin, stdout, stderr.
    Inherited([Arc<OwnedFd>; 3]),
    /// A terminal of the container's own.
    Terminal(Terminal),
}

/// The outer side of a container's terminal; what the terminal prints goes to [`crate::Output`] as stdout.
#[derive(Clone, Debug)]
pub struct Terminal {
    /// Where keystrokes come from: put into raw mode while the container runs when it is a terminal.
    pub input: Arc<OwnedFd>,
    /// Where its size comes from.
    pub sizes: Sizes,
}

/// What a container's terminal takes its size from.
#[derive(Clone, Debug)]
pub enum Sizes {
    /// The terminal that the input is, if it is one: when the container starts, and whenever this is readable (e.g. the
    /// pipe of a handler of SIGWINCH and SIGCONT); drained by the runner.
    OfInput(Option<Arc<OwnedFd>>),
    /// This pipe: rows and columns of each size as two u16 in the machine's order, written at once.
    Told(Arc<OwnedFd>),
}

/// A resource limit (`getrlimit(2)`); `None` is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Which resource.
    pub resource: Resource,
    /// What is enforced.
    pub soft: Option<u64>,
    /// How far the process may raise the soft value itself.
    pub hard: Option<u64>,
}

/// Resources that can be limited, named as `docker run --ulimit` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Resource {
    Core,
    Cpu,
    Data,
    Fsize,
    Locks,
    Memlock,
    Msgqueue,
    Nice,
    Nofile,
    Nproc,
    Rss,
    Rtprio,
    Rttime,
    Sigpending,
    Stack,
}

impl Tmpfs {
    /// User 0's, with nothing forbidden in it.
    pub const fn new(size: Option<u64>, mode: u32) -> Self {
        Self { size, mode, uid: 0, gid: 0, flags: MountFlags(0) }
    }
}

impl Stdio {
    /// The terminal, if it is one.
    pub(crate) fn terminal(&self) -> Option<&Terminal> {
        match self {
            Self::Terminal(terminal) => Some(terminal),
            _ => None,
        }
    }
}

impl Confinement {
    /// Docker's defaults as a build uses them: 14 capabilities, set-user-id programs work (sudo in a RUN), `/proc` and
    /// `/sys` masked. The seccomp filter is the caller's to add.
    pub fn docker() -> Self {
        Self {
            caps: Caps::docker_default(),
            seccomp: None,
            no_new_privileges: false,
            masked: MASKED.iter().map(|path| path.as_bytes().to_vec()).collect(),
            read_only: READ_ONLY.iter().map(|path| path.as_bytes().to_vec()).collect(),
            sys: Access::ReadOnly,
        }
    }

    /// Nothing withheld that this program holds itself: `RUN --security=insecure`.
    pub fn insecure() -> Self {
        Self {
            caps: Caps::ALL,
            seccomp: None,
            no_new_privileges: false,
            masked: Vec::new(),
            read_only: Vec::new(),
            sys: Access::ReadWrite,
        }
    }
}

/// What Docker hides.
const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// What Docker protects from writes.
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

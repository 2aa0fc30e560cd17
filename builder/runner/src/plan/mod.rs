//! PURE. A container becomes the ordered list of steps that set it up. Opens nothing, asks nothing of the machine:
//! where a kernel may refuse, the step itself says what to do instead.

mod join;
mod op;
mod system;

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

pub(crate) use join::STREAMS;
pub use join::plan_joining;
pub use op::{BindSource, MountFlags, Otherwise, SetupOp};

use crate::container::{
    Access, Confinement, Container, InjectedFile, Limit, MountSpec, Network, Propagation, Rootfs, Source, Stdio, User,
};
use crate::executor::Birth;
use crate::userns::IdMap;

/// What the parent must create and what its child must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Namespaces of the child, from its first moment.
    pub namespaces: Namespaces,
    /// Steps, in order; the last one is the program.
    pub ops: Vec<SetupOp>,
}

/// Namespaces besides mount, pid, ipc and uts, which every container has of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Namespaces {
    /// A network of its own.
    pub network: bool,
    /// Control groups of its own from the first moment; where it has a group, it takes them when it is in that.
    pub cgroup: bool,
}

/// Where programs are looked up when the container's environment has no `PATH`; Docker's default.
const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Turns a container into its steps.
pub fn plan(container: &Container) -> Plan {
    let mut ops = early(container);
    ops.extend(held(container));
    ops.push(SetupOp::PrivateMounts {});
    if !container.files.is_empty() {
        ops.push(SetupOp::FileStore {});
    }
    ops.push(root(container));
    ops.extend(system::mounts(container));
    ops.extend(mounts(container));
    ops.extend(files(container));
    ops.push(SetupOp::Directory { path: container.cwd.clone() });
    ops.extend(restrictions(container));
    ops.extend(surroundings(container));
    ops.extend(privileges(&container.confinement, &container.user, &container.ids));
    if container.init {
        ops.push(SetupOp::Reaper {});
    }
    ops.push(exec(&container.argv, &container.env));
    Plan { namespaces: namespaces(&container.birth()), ops }
}

/// The namespaces of who is born like that.
pub(crate) fn namespaces(birth: &Birth) -> Namespaces {
    Namespaces { network: birth.network, cgroup: birth.control.is_none() }
}

/// How many passed files come before those of the mounts: the standard streams, unless a terminal takes their place.
pub(crate) fn stream_count(stdio: &Stdio) -> u32 {
    if matches!(stdio, Stdio::Terminal(_)) { 0 } else { 3 }
}

/// Mounts in the order they are made: parents first, otherwise as given.
pub(crate) fn in_mount_order(mounts: &[MountSpec]) -> Vec<&MountSpec> {
    let mut sorted: Vec<&MountSpec> = mounts.iter().collect();
    sorted.sort_by_key(|mount| components(&mount.target).map(<[u8]>::to_vec).collect::<Vec<_>>());
    sorted
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&b| b == b'/').filter(|part| !part.is_empty() && *part != b".")
}

/// What needs the host's `/proc`, or is waited for later.
fn early(container: &Container) -> Vec<SetupOp> {
    let mut ops = Vec::new();
    if container.control.is_some() {
        ops.push(SetupOp::OwnGroup {});
    }
    if matches!(container.network, Network::Private(_)) {
        ops.push(SetupOp::OfferNetwork {});
    }
    ops.extend(container.oom_score_adj.map(|score| SetupOp::OomScore { score }));
    ops.extend(
        container.sysctls.iter().map(|(name, value)| SetupOp::Sysctl { name: name.clone(), value: value.clone() }),
    );
    ops
}

/// Sources that must be copied before the rootfs lies on `/`.
fn held(container: &Container) -> Vec<SetupOp> {
    in_mount_order(&container.mounts)
        .into_iter()
        .filter_map(|mount| match &mount.source {
            Source::Path(path) if is_held(path, mount.propagation) => Some(SetupOp::Hold { path: host(path) }),
            _ => None,
        })
        .collect()
}

/// Whether a source must be copied while it still has its propagation, or is the host's root, which the rootfs will lie on.
fn is_held(source: &Path, propagation: Propagation) -> bool {
    propagation != Propagation::Private || source == Path::new("/")
}

fn root(container: &Container) -> SetupOp {
    match &container.rootfs {
        Rootfs::Overlay(overlay) if overlay.lowers.is_empty() => SetupOp::BindRoot { path: host(&overlay.upper) },
        Rootfs::Overlay(overlay) => SetupOp::OverlayRoot { overlay: overlay.clone() },
        Rootfs::Bind(path) => SetupOp::BindRoot { path: host(path) },
        Rootfs::Mounted(_) => SetupOp::PassedRoot { index: stream_count(&container.stdio) },
    }
}

fn mounts(container: &Container) -> Vec<SetupOp> {
    let roots = u32::from(matches!(container.rootfs, Rootfs::Mounted(_)));
    let (mut passed, mut held) = (stream_count(&container.stdio) + roots, 0);
    let mut ops = Vec::new();
    for mount in in_mount_order(&container.mounts) {
        let target = mount.target.clone();
        let flags = access(mount.access);
        let propagation = mount.propagation;
        ops.push(match &mount.source {
            Source::Path(path) => {
                let source = if is_held(path, propagation) {
                    held += 1;
                    BindSource::Held { index: held - 1 }
                } else {
                    BindSource::Path { path: host(path) }
                };
                SetupOp::Bind { source, target, flags, propagation }
            }
            Source::Fd(_) | Source::Mounted(_) => {
                passed += 1;
                SetupOp::Bind { source: BindSource::Passed { index: passed - 1 }, target, flags, propagation }
            }
            Source::Tmpfs(tmpfs) => system::tmpfs(target, tmpfs, flags),
            Source::Overlay(overlay) => SetupOp::Overlay { overlay: overlay.clone(), target, flags },
        });
    }
    ops
}

fn files(container: &Container) -> impl Iterator<Item = SetupOp> {
    let single = container.ids == IdMap::Single;
    container.files.iter().map(move |file| SetupOp::File {
        path: file.path.clone(),
        content: file.content.clone(),
        mode: file.mode,
        uid: if single { 0 } else { file.uid },
        gid: if single { 0 } else { file.gid },
        flags: file_flags(file),
    })
}

/// A file without an execute bit cannot be run by way of its mount either.
fn file_flags(file: &InjectedFile) -> MountFlags {
    let flags = access(file.access).and(MountFlags::NOSUID).and(MountFlags::NODEV);
    if file.mode & 0o111 == 0 { flags.and(MountFlags::NOEXEC) } else { flags }
}

fn restrictions(container: &Container) -> Vec<SetupOp> {
    let confinement = &container.confinement;
    let mut ops: Vec<SetupOp> = confinement.masked.iter().map(|path| SetupOp::Mask { path: path.clone() }).collect();
    ops.extend(confinement.read_only.iter().map(|path| SetupOp::ReadOnly { path: path.clone() }));
    if container.root_access != Access::ReadWrite {
        ops.push(SetupOp::ReadOnlyRoot {});
    }
    ops
}

fn surroundings(container: &Container) -> Vec<SetupOp> {
    let owner = if container.ids == IdMap::Single { 0 } else { container.user.uid };
    let mut ops = vec![SetupOp::Pivot {}, SetupOp::Session {}];
    if matches!(container.network, Network::Private(_)) {
        ops.push(SetupOp::AwaitNetwork {});
    }
    ops.push(match container.stdio {
        Stdio::Terminal(_) => SetupOp::Console { owner },
        _ => SetupOp::Streams { owner },
    });
    ops.push(SetupOp::Hostname { name: container.hostname.clone() });
    if !container.domainname.is_empty() {
        ops.push(SetupOp::Domainname { name: container.domainname.clone() });
    }
    if container.network == Network::None {
        ops.push(SetupOp::Loopback {});
    }
    ops.extend(limits(&container.limits));
    ops.push(SetupOp::Umask { mask: 0o022 });
    ops.push(SetupOp::Chdir { path: container.cwd.clone() });
    ops
}

fn limits(limits: &[Limit]) -> impl Iterator<Item = SetupOp> {
    limits.iter().map(|limit| SetupOp::Limit { resource: limit.resource, soft: limit.soft, hard: limit.hard })
}

/// The filter comes before the privileges it needs are dropped; Docker's profile allows all that follows it. With one
/// id only there is no other user to become.
fn privileges(confinement: &Confinement, user: &User, ids: &IdMap) -> Vec<SetupOp> {
    let mut ops = Vec::new();
    if confinement.no_new_privileges {
        ops.push(SetupOp::NoNewPrivileges {});
    }
    if let Some(filter) = &confinement.seccomp {
        ops.push(SetupOp::Seccomp { filter: filter.clone() });
    }
    ops.push(SetupOp::Bounding { caps: confinement.caps });
    let mut user = user.clone();
    if *ids == IdMap::Single {
        user.uid = 0;
    } else {
        user.groups.push(user.gid);
        user.groups.sort_unstable();
        user.groups.dedup();
        ops.push(SetupOp::Groups { gids: user.groups });
        ops.push(SetupOp::Identity { uid: user.uid, gid: user.gid });
    }
    if user.uid == 0 {
        ops.push(SetupOp::Capabilities { caps: confinement.caps });
    }
    ops
}

fn exec(argv: &[Vec<u8>], env: &[Vec<u8>]) -> SetupOp {
    let program = argv.first().cloned().unwrap_or_default();
    let candidates = if program.contains(&b'/') || program.is_empty() {
        vec![program]
    } else {
        let path = env.iter().rev().find_map(|pair| pair.strip_prefix(b"PATH=")).unwrap_or(DEFAULT_PATH);
        path.split(|&b| b == b':')
            .map(|dir| if dir.is_empty() { b"." } else { dir })
            .map(|dir| join(dir, &program))
            .collect()
    };
    SetupOp::Exec { argv: argv.to_vec(), env: env.to_vec(), candidates }
}

fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    [dir, b"/", name].concat()
}

fn access(access: Access) -> MountFlags {
    match access {
        Access::ReadWrite => MountFlags::default(),
        Access::ReadOnly => MountFlags::READ_ONLY,
        Access::ReadOnlyTop => MountFlags::READ_ONLY.and(MountFlags::TOP_ONLY),
    }
}

fn host(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [(self.namespaces.cgroup, " cgroup"), (self.namespaces.network, " net")];
        let own: String = named.iter().filter(|(own, _)| *own).map(|(_, name)| *name).collect();
        writeln!(f, "namespaces mount pid ipc uts{own}")?;
        self.ops.iter().try_for_each(|op| writeln!(f, "{op}"))
    }
}

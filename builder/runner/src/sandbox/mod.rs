//! The real executor: starts a copy of this program in new namespaces, hands it the plan, and attends to it until it
//! ends. Knows no step of the plan.

mod child;
mod join;
mod pump;
mod terminal;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rbuild_oci::{Cancel, Platform};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::cgroup::Group;
use crate::channel::Channel;
use crate::container::{Container, MountSpec, Network, Overlay, Rootfs, Source, Stdio};
use crate::emulation;
use crate::error::{Error, Result};
use crate::executor::{Begun, Birth, Executor, Outcome, Output, Stream};
use crate::plan::{Namespaces, in_mount_order, namespaces, plan};
use crate::sys;
use crate::tree::clone_tree;
use crate::wire::encode;
pub(crate) use child::Child;
use pump::{Needs, Pipe, Pump};

/// Runs containers in namespaces. Make one per program and share it.
#[derive(Debug)]
pub struct Sandbox {
    null: OwnedFd,
}

impl Sandbox {
    /// Opens what every container needs. The program's `main` must begin with [`crate::maybe_init`].
    pub fn new() -> Result<Self> {
        Ok(Self { null: open("/dev/null", OFlags::RDONLY)? })
    }
}

/// This program, so that no container can write through it.
fn this_program() -> Result<OwnedFd> {
    sys::read_only_self().or_else(|_| open("/proc/self/exe", OFlags::PATH))
}

fn open(path: &str, flags: OFlags) -> Result<OwnedFd> {
    openat(CWD, path, flags | OFlags::CLOEXEC, Mode::empty()).map_err(|errno| Error::io("open", path, errno))
}

/// A child that waits for its plan.
#[derive(Debug)]
pub(crate) struct Seed {
    birth: Birth,
    exe: OwnedFd,
    channel: Channel,
    child: Child,
    // Outlives the child: the kernel keeps groups with processes.
    group: Option<Group>,
}

impl Executor for Sandbox {
    fn begin(&self, birth: &Birth) -> Result<Begun> {
        let failed = |error: io::Error| Error::io("start", "a container", error);
        let (exe, (channel, theirs)) = (this_program()?, Channel::pair().map_err(failed)?);
        let group = birth.control.as_ref().map(Group::make).transpose()?;
        let child = start(exe.as_fd(), namespaces(birth), group.as_ref(), &theirs).map_err(failed)?;
        Ok(Begun(Some(Seed { birth: birth.clone(), exe, channel, child, group })))
    }

    fn go_on(&self, begun: Begun, container: &Container, output: &mut dyn Output, cancel: &Cancel) -> Result<Outcome> {
        check(container)?;
        cancel.check()?;
        let failed = |error: io::Error| Error::io("start", "a container", error);
        let seed = begun.0.filter(|seed| seed.birth == container.birth());
        // The child goes before its group, whatever fails: they are dropped from the last to the first.
        let Seed { exe, channel, group, mut child, .. } =
            seed.ok_or_else(|| Error::Invalid("what was begun is no such container".to_owned()))?;
        let _kill = cancel.on_cancel(child.killer());
        let mut pipes = Vec::new();
        let files = passed(container, &self.null, &mut pipes).map_err(failed)?;
        let (bytes, borrowed) = (encode(&plan(container).ops), files.iter().map(AsFd::as_fd).collect::<Vec<_>>());
        // A child that is gone already is found out, with its reason, by the pump.
        let sent = channel.send_plan(&bytes, &borrowed);
        drop(files);
        tolerate_gone(sent).map_err(failed)?;
        let needs = Needs {
            terminal: container.stdio.terminal(),
            network: match &container.network {
                Network::Private(private) => Some(private),
                _ => None,
            },
            exe: Some(exe),
        };
        let ended = Pump::new(channel, pipes, needs).run(&mut child, output)?;
        cancel.check()?;
        let out_of_memory = group.as_ref().is_some_and(Group::ran_out_of_memory);
        ended.into_outcome(out_of_memory)
    }

    fn runs(&self, platform: &Platform) -> Result<()> {
        emulation::check(platform)
    }
}

/// A kernel, or an owner of the group, may refuse that a process is born elsewhere than its parent: it is then in no
/// group that can be frozen.
fn start(exe: BorrowedFd<'_>, namespaces: Namespaces, group: Option<&Group>, channel: &Channel) -> io::Result<Child> {
    let born = group.and_then(Group::born);
    let start = |born| Child::start(exe, namespaces, born, channel);
    let child = match start(born) {
        Err(_) if born.is_some() => start(None)?,
        started => started?,
    };
    group.map_or(Ok(()), |group| group.enter(child.process().pid()))?;
    Ok(child)
}

/// What the kernel or the format would refuse later and less clearly.
fn check(container: &Container) -> Result<()> {
    let overlays = container.mounts.iter().filter_map(|mount| match &mount.source {
        Source::Overlay(overlay) => Some(overlay),
        _ => None,
    });
    let root = match &container.rootfs {
        Rootfs::Overlay(overlay) => Some(overlay),
        Rootfs::Bind(_) | Rootfs::Mounted(_) => None,
    };
    if let Some(overlay) = overlays.chain(root).find(|overlay| overlay.lowers.len() > Overlay::MOST_LOWERS) {
        let (count, most) = (overlay.lowers.len(), Overlay::MOST_LOWERS);
        return Err(Error::Invalid(format!("{count} layers are more than the {most} that overlayfs can stack")));
    }
    let over_root = |mount: &&MountSpec| mount.target.split(|&b| b == b'/').all(|part| part.is_empty() || part == b".");
    if container.mounts.iter().any(|mount| over_root(&mount)) {
        return Err(Error::Invalid("a mount's target cannot be the root".to_owned()));
    }
    check_program(&container.argv, &container.env, &container.cwd)
}

fn check_program(argv: &[Vec<u8>], env: &[Vec<u8>], cwd: &Vec<u8>) -> Result<()> {
    if argv.first().is_none_or(Vec::is_empty) {
        return Err(Error::Invalid("no program to run: the command is empty".to_owned()));
    }
    if !cwd.starts_with(b"/") {
        let cwd = String::from_utf8_lossy(cwd);
        return Err(Error::Invalid(format!("working directory {cwd:?} is not absolute")));
    }
    match argv.iter().chain(env).chain([cwd]).find(|string| string.contains(&0)) {
        Some(string) => Err(Error::Invalid(format!("{:?} has a NUL byte in it", String::from_utf8_lossy(string)))),
        None => Ok(()),
    }
}

/// The files that travel with the plan: standard streams, the rootfs where it is a mount, then sources of mounts in mount order.
fn passed(container: &Container, null: &OwnedFd, pipes: &mut Vec<Pipe>) -> io::Result<Vec<OwnedFd>> {
    let mut files = streams(&container.stdio, null, pipes)?;
    if let Rootfs::Mounted(root) = &container.rootfs {
        files.push(root.0.try_clone()?);
    }
    for mount in in_mount_order(&container.mounts) {
        match &mount.source {
            // A child could not make this mount: the descriptor belongs to this mount namespace.
            Source::Fd(fd) => files.push(clone_tree(fd, b"")?),
            Source::Mounted(mounted) => files.push(mounted.0.try_clone()?),
            _ => {}
        }
    }
    Ok(files)
}

/// The standard streams, unless a terminal takes their place.
fn streams(stdio: &Stdio, null: &OwnedFd, pipes: &mut Vec<Pipe>) -> io::Result<Vec<OwnedFd>> {
    let mut files = Vec::new();
    match stdio {
        Stdio::Terminal(_) => {}
        Stdio::Inherited(streams) => {
            for stream in streams {
                files.push(stream.try_clone()?);
            }
        }
        Stdio::Captured => captured(null.as_fd(), &mut files, pipes)?,
        Stdio::Input(input) => captured(input.as_fd(), &mut files, pipes)?,
    }
    Ok(files)
}

fn captured(stdin: BorrowedFd<'_>, files: &mut Vec<OwnedFd>, pipes: &mut Vec<Pipe>) -> io::Result<()> {
    files.push(stdin.try_clone_to_owned()?);
    for stream in [Stream::Stdout, Stream::Stderr] {
        let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
        pipes.push(Pipe::new(stream, ours)?);
        files.push(theirs);
    }
    Ok(())
}

pub(super) fn tolerate_gone(sent: io::Result<()>) -> io::Result<()> {
    match sent {
        Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => Ok(()),
        other => other,
    }
}

//! The child's side: receives a plan and performs it step by step inside the new namespaces, then becomes the
//! program. Decides nothing; every choice is in the plan.

mod console;
mod exec;
mod filesystem;
mod fork;
mod identity;
mod mounts;
mod reaper;
mod restrict;
mod surroundings;
mod target;

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::process::DumpableBehavior;

use crate::channel::Channel;
use crate::network::{KEEPER_NAME, keep};
use crate::plan::SetupOp;
use crate::probe::{PROBE_NAME, probe_inside};
use crate::sys;
use crate::wire::{Report, decode};
use mounts::Mounts;

/// The name by which a re-executed copy of this program knows its task.
pub(crate) const INIT_NAME: &CStr = c"rbuild-sandbox-init";

/// Must be the first thing in `main`: in a copy of this program that was started to set up a container (or to probe
/// the machine), it does so and never returns; otherwise it returns at once.
pub fn maybe_init() {
    let mut args = std::env::args_os();
    let name = args.next().unwrap_or_default();
    let code = if name.as_bytes() == INIT_NAME.to_bytes() {
        match args.next().and_then(|arg| arg.to_str()?.parse().ok()).map(sys::inherited) {
            Some(Ok(socket)) if sys::close_all_but(&socket).is_ok() => run(&mut Some(Channel::from_fd(socket))),
            _ => sys::EXIT_NOT_STARTED,
        }
    } else if name.as_bytes() == KEEPER_NAME.to_bytes() {
        match args.next().and_then(|arg| arg.to_str()?.parse().ok()).map(sys::inherited) {
            Some(Ok(socket)) => keep(&Channel::from_fd(socket)),
            _ => sys::EXIT_NOT_STARTED,
        }
    } else if name.as_bytes() == PROBE_NAME.to_bytes() {
        i32::from(probe_inside(Path::new(&args.next().unwrap_or_default())).is_err())
    } else {
        return;
    };
    std::process::exit(code)
}

/// Why a step failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A system call.
    Errno(io::Error),
    /// The program cannot be started.
    NoProgram { program: Vec<u8>, reason: String, code: u8 },
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Errno(error)
    }
}

impl From<rustix::io::Errno> for Failure {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::Errno(errno.into())
    }
}

/// The exit status when the program was not started, or the program's own behind a reaper.
fn run(channel: &mut Option<Channel>) -> i32 {
    match set_up(channel) {
        Ok(code) => code,
        Err(report) => {
            // A parent that is gone cannot be told and needs no telling: this process dies with it.
            let _ = channel.as_ref().map(|channel| channel.report(&report, None));
            sys::EXIT_NOT_STARTED
        }
    }
}

fn set_up(channel: &mut Option<Channel>) -> Result<i32, Report> {
    let (ops, files) = receive(channel.as_ref()).map_err(|error| failed("receive the plan", &error))?;
    sys::default_signals();
    rustix::process::umask(Mode::empty());
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|errno| failed("hide from the container", &errno.into()))?;
    let mut mounts = Mounts::new(files);
    for op in &ops {
        let done = match op {
            SetupOp::Reaper {} => reap(channel),
            SetupOp::Fork {} => fork::fork(channel.as_ref()),
            _ => channel
                .as_ref()
                .ok_or(Errno::BADF.into())
                .and_then(|channel| perform(op, channel, &mut mounts))
                .map(|()| None),
        };
        match done {
            Ok(None) => {}
            Ok(Some(code)) => return Ok(code),
            Err(Failure::Errno(error)) => return Err(failed(&op.to_string(), &error)),
            Err(Failure::NoProgram { program, reason, code }) => {
                return Err(Report::NoProgram { program, reason: reason.into_bytes(), code });
            }
        }
    }
    Ok(0)
}

fn receive(channel: Option<&Channel>) -> io::Result<(Vec<SetupOp>, Vec<OwnedFd>)> {
    let channel = channel.ok_or(Errno::BADF)?;
    let (bytes, files) = channel.receive_plan()?;
    if channel.is_abandoned()? {
        return Err(Errno::PIPE.into());
    }
    Ok((decode(&bytes).ok_or(io::ErrorKind::InvalidData)?, files))
}

/// In the parent of the program: serves to the end. The channel's end tells that the program has started, so only the
/// child may keep it.
fn reap(channel: &mut Option<Channel>) -> Result<Option<i32>, Failure> {
    let Some(child) = reaper::split()? else { return Ok(None) };
    *channel = None;
    Ok(Some(reaper::attend(child)))
}

/// Performs one step.
fn perform(op: &SetupOp, channel: &Channel, mounts: &mut Mounts) -> Result<(), Failure> {
    match op {
        SetupOp::OwnGroup {} => surroundings::own_group()?,
        SetupOp::OfferNetwork {} => surroundings::offer_network(channel)?,
        SetupOp::AwaitNetwork {} => channel.wait()?,
        SetupOp::OomScore { score } => surroundings::oom_score(*score)?,
        SetupOp::Sysctl { name, value } => surroundings::sysctl(name, value)?,
        SetupOp::Domainname { name } => rustix::system::setdomainname(name)?,
        SetupOp::Hold { path } => mounts.hold(path)?,
        SetupOp::PrivateMounts {} => mounts::make_private()?,
        SetupOp::FileStore {} => mounts.file_store()?,
        SetupOp::OverlayRoot { overlay } => mounts.overlay_root(overlay)?,
        SetupOp::BindRoot { path } => mounts.bind_root(path)?,
        SetupOp::PassedRoot { index } => mounts.passed_root(*index)?,
        SetupOp::Mount { fs, target, flags, options, otherwise } => {
            mounts.mount(&filesystem::Fresh { fs, options, flags: *flags }, target, otherwise)?;
        }
        SetupOp::Overlay { overlay, target, flags } => mounts.overlay(overlay, target, *flags)?,
        SetupOp::Device { path, major, minor } => mounts.device(path, *major, *minor)?,
        SetupOp::Link { path, to } => mounts.link(path, to)?,
        SetupOp::Bind { source, target, flags, propagation } => mounts.bind(source, target, *flags, *propagation)?,
        SetupOp::File { path, content, mode, uid, gid, flags } => {
            let owner = mounts::Owner { mode: *mode, uid: *uid, gid: *gid };
            mounts.file(path, content, &owner, *flags)?;
        }
        SetupOp::Directory { path } => mounts.directory(path)?,
        SetupOp::Mask { path } => mounts.mask(path)?,
        SetupOp::ReadOnly { path } => restrict::read_only(mounts.root(), path)?,
        SetupOp::ReadOnlyRoot {} => restrict::read_only_root(mounts.root())?,
        SetupOp::Pivot {} => {
            for stub in mounts.take_stubs() {
                channel.report(&Report::Made { stub }, None)?;
            }
            channel.report(&Report::Rooted {}, None)?;
            mounts.pivot()?;
        }
        SetupOp::Hostname { name } => rustix::system::sethostname(name)?,
        SetupOp::Loopback {} => surroundings::loopback()?,
        SetupOp::Limit { resource, soft, hard } => identity::limit(*resource, *soft, *hard)?,
        SetupOp::Session {} => identity::session()?,
        SetupOp::Streams { owner } => console::streams(mounts.passed(), *owner)?,
        SetupOp::Console { owner } => console::console(channel, *owner)?,
        SetupOp::Umask { mask } => drop(rustix::process::umask(Mode::from_raw_mode(*mask))),
        SetupOp::Chdir { path } => identity::change_directory(path)?,
        SetupOp::NoNewPrivileges {} => rustix::thread::set_no_new_privs(true)?,
        SetupOp::Seccomp { filter } => sys::install_filter(filter)?,
        SetupOp::Bounding { caps } => identity::bounding(*caps)?,
        SetupOp::Groups { gids } => identity::groups(gids)?,
        SetupOp::Identity { uid, gid } => identity::become_user(*uid, *gid)?,
        SetupOp::Capabilities { caps } => identity::capabilities(*caps)?,
        SetupOp::Cgroup { path } => std::fs::write(path, "0")?,
        SetupOp::Enter { process, spaces } => fork::enter(mounts.passed(), *process, *spaces)?,
        SetupOp::Terminal {} => console::terminal(channel)?,
        SetupOp::Reaper {} | SetupOp::Fork {} => return Err(Errno::INVAL.into()),
        SetupOp::Exec { argv, env, candidates } => match exec::exec(channel, argv, env, candidates)? {},
    }
    Ok(())
}

fn failed(operation: &str, error: &io::Error) -> Report {
    let errno = error.raw_os_error().unwrap_or(rustix::io::Errno::IO.raw_os_error());
    Report::Failed { operation: operation.as_bytes().to_vec(), errno }
}

/// A C string; a NUL inside is refused as the kernel would never see it.
fn c_string(bytes: &[u8]) -> io::Result<CString> {
    CString::new(bytes).map_err(|_| io::Error::from(rustix::io::Errno::INVAL))
}

/// Files passed along with a plan.
type Files = Vec<Option<OwnedFd>>;

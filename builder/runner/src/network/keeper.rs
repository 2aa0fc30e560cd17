//! The first process of the namespaces that a helper runs in: starts it, tells the parent when the network is ready, and
//! stays. Helpers change who they are and go into the background, so that no parent-death signal holds them; when this
//! process ends, and it ends with its parent, the kernel ends all that it started. Decides nothing of the network.

use std::ffi::CStr;
use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Access, access};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind, mount_change};
use rustix::process::WaitOptions;
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use super::{Forward, Helper, HelperKind, Task, pasta, slirp};
use crate::channel::Channel;
use crate::wire::{Report, decode};

/// The name by which a re-executed copy of this program knows that it is to keep a helper.
pub(crate) const KEEPER_NAME: &CStr = c"rbuild-network-keeper";

/// How long a helper may take to be ready.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where helpers find the namespace and their socket: memory that nobody else sees.
struct Stage {
    netns: PathBuf,
    socket: PathBuf,
    log: PathBuf,
}

/// Serves to the end; only failure returns early.
pub(crate) fn keep(channel: &Channel) -> i32 {
    let report = match start(channel) {
        Ok(()) => Report::Ready {},
        Err(reason) => Report::Refused { reason: reason.into_bytes() },
    };
    // A parent that is gone takes this process along.
    let _ = channel.report(&report, None);
    while rustix::process::wait(WaitOptions::empty()).is_ok() {}
    0
}

fn start(channel: &Channel) -> Result<(), String> {
    let_go_of_streams().map_err(|error| format!("open /dev/null: {error}"))?;
    let (bytes, files) = channel.receive_plan().map_err(|error| format!("receive its task: {error}"))?;
    let (task, netns): (Option<Task>, _) = (decode(&bytes), files.into_iter().next());
    let (Some(task), Some(netns)) = (task, netns) else { return Err("its task cannot be understood".to_owned()) };
    access(TUN, Access::READ_OK | Access::WRITE_OK).map_err(|errno| {
        format!("{TUN}: {errno}; that device has to be there, and readable and writable for this user")
    })?;
    let stage = stage(&netns).map_err(|error| format!("prepare its namespace: {error}"))?;
    let mut reasons = Vec::new();
    for helper in &task.private.helpers {
        match run(helper, &task, &stage) {
            Ok(()) => return Ok(()),
            Err(reason) => reasons.push(format!("{}: {reason}", helper.program.display())),
        }
    }
    Err(reasons.join("; "))
}

/// Whoever reads what the parent prints would wait for the end of this process.
fn let_go_of_streams() -> io::Result<()> {
    let null = fs::File::options().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    Ok(dup2_stderr(&null)?)
}

const TUN: &str = "/dev/net/tun";

/// A memory filesystem over a directory that helpers do not need, with the namespace bound in it. AppArmor's profile of
/// pasta names `/run/user/UID/netns`, which is there wherever there is AppArmor.
fn stage(netns: &OwnedFd) -> io::Result<Stage> {
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)?;
    let base = [Path::new("/run/user"), Path::new("/tmp")].into_iter().find(|dir| dir.is_dir());
    let base = base.ok_or(io::ErrorKind::NotFound)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("tmpfs", base, "tmpfs", flags, c"size=1m,mode=755")?;
    let dir = base.join("0/netns");
    fs::create_dir_all(&dir)?;
    let stage = Stage { netns: dir.join("rbuild"), socket: dir.join("socket"), log: dir.join("log") };
    fs::write(&stage.netns, b"")?;
    mount_bind(format!("/proc/self/fd/{}", netns.as_raw_fd()), &stage.netns)?;
    Ok(stage)
}

fn run(helper: &Helper, task: &Task, stage: &Stage) -> Result<(), String> {
    let mut command = Command::new(&helper.program);
    command.env_clear().current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
    match helper.kind {
        HelperKind::Pasta => run_pasta(command.args(pasta::arguments(task, &stage.netns))),
        HelperKind::Slirp4netns => run_slirp(&mut command, &task.private.forwards, stage),
    }
}

/// It ends well when its copy in the background is ready, and lets go of its error stream either way.
fn run_pasta(command: &mut Command) -> Result<(), String> {
    let mut child = command.stderr(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
    let mut said = Vec::new();
    let read = match child.stderr.take() {
        Some(mut stderr) => read_to_end(&mut stderr, &mut said),
        None => Ok(()),
    };
    if read.is_err() {
        end(&mut child);
        return Err("it does not get ready".to_owned());
    }
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(complaint(&said, &status.to_string())),
        Err(error) => Err(error.to_string()),
    }
}

fn read_to_end<T: Read + AsFd>(from: &mut T, into: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = [0; 4096];
    loop {
        wait_for(from)?;
        match from.read(&mut chunk)? {
            0 => return Ok(()),
            got => into.extend_from_slice(&chunk[..got]),
        }
    }
}

fn wait_for(fd: &impl AsFd) -> io::Result<()> {
    let patience = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
    match poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&patience))? {
        0 => Err(io::ErrorKind::TimedOut.into()),
        _ => Ok(()),
    }
}

/// It stays this process's child and writes one byte when the network is ready.
fn run_slirp(command: &mut Command, forwards: &[Forward], stage: &Stage) -> Result<(), String> {
    let failed = |error: io::Error| error.to_string();
    let log = fs::File::create(&stage.log).map_err(failed)?;
    let (mut ready, tell) = io::pipe().map_err(failed)?;
    fcntl_setfd(&tell, FdFlags::empty()).map_err(|errno| errno.to_string())?;
    let arguments = slirp::arguments(&stage.netns, &stage.socket, tell.as_raw_fd());
    let mut child = command.args(arguments).stderr(log).spawn().map_err(failed)?;
    drop(tell);
    let told = wait_for(&ready).and_then(|()| ready.read(&mut [0; 1]));
    let forwarded = match told {
        Ok(1..) => forwards.iter().try_for_each(|forward| ask(&stage.socket, forward)),
        _ => Err(complaint(&fs::read(&stage.log).unwrap_or_default(), "it does not get ready")),
    };
    if forwarded.is_err() {
        end(&mut child);
    }
    forwarded
}

/// One connection a request; the answer ends with it.
fn ask(socket: &Path, forward: &Forward) -> Result<(), String> {
    let exchange = || -> io::Result<String> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(slirp::request(forward).as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = exchange().map_err(|error| format!("ask it for port {}: {error}", forward.host))?;
    slirp::answer(&answer).map_err(|reason| format!("port {} of {} is refused: {reason}", forward.host, forward.ip))
}

/// A helper that is of no use must not stay: the next one wants its place.
fn end(child: &mut Child) {
    // Fails only where it has ended already.
    let _ = child.kill();
    let _ = child.wait();
}

/// The last line that a program said, without its complaint that there is no system log.
fn complaint(said: &[u8], otherwise: &str) -> String {
    let text = String::from_utf8_lossy(said);
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains("syslog"));
    lines.next_back().unwrap_or(otherwise).to_owned()
}

//! The one way to run a process: [`Executor`], and what goes in and comes out of a run. Knows no namespace.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rbuild_oci::{Cancel, Platform};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};

use crate::cgroup::Control;
use crate::container::Container;
use crate::error::Result;
use crate::sandbox::Seed;
use crate::stub::Stub;
use crate::sys;

/// Runs containers; implemented by [`crate::Sandbox`] and, for tests of callers, [`crate::testing::Scripted`].
pub trait Executor: Send + Sync {
    /// Starts a container's first process, which waits for what it is to become: that takes a moment, in which the caller
    /// can make ready what it stands on. What is mounted from then on is not seen by it. It dies with the thread that
    /// calls this.
    fn begin(&self, birth: &Birth) -> Result<Begun>;

    /// Lets what was begun become the container and runs it, as [`Executor::run`] does. Of another birth than the
    /// container's it is [`crate::Error::Invalid`].
    fn go_on(&self, begun: Begun, container: &Container, output: &mut dyn Output, cancel: &Cancel) -> Result<Outcome>;

    /// Runs the container to its end and streams what it prints. A process that ends badly is an [`Outcome`], not an
    /// error; errors are what kept it from starting ([`crate::Error::exit_code`] has the shell's number for them),
    /// what `output` refused, or [`crate::Error::Canceled`] within a second of `cancel` being raised. Nothing of the
    /// container runs or stays mounted when this returns.
    fn run(&self, container: &Container, output: &mut dyn Output, cancel: &Cancel) -> Result<Outcome> {
        cancel.check()?;
        self.go_on(self.begin(&container.birth())?, container, output, cancel)
    }

    /// Refuses a platform whose programs it cannot run, with [`crate::Error::Platform`].
    fn runs(&self, platform: &Platform) -> Result<()>;
}

/// What a container's first process is born with, and keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Birth {
    /// Whether its network is not this process's.
    pub network: bool,
    /// Its control group; none is that of this process.
    pub control: Option<Control>,
}

/// A container's first process before it is one; dropping it leaves nothing behind.
#[derive(Debug, Default)]
pub struct Begun(pub(crate) Option<Seed>);

/// Where a container's output goes, live.
pub trait Output {
    /// Some bytes of one stream, cut anywhere; an error ends the container.
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()>;

    /// The process is about to exec; called once, before any output.
    fn started(&mut self, process: &Process) {
        let _ = process;
    }

    /// The program itself runs: nothing can keep it from starting any more. Called at most once, after
    /// [`Output::started`], perhaps with some output before it.
    fn running(&mut self) {}
}

/// Which stream of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// File descriptor 1, and all that a terminal shows.
    Stdout,
    /// File descriptor 2.
    Stderr,
}

/// A process of a container, most often its first; clones name the same process and stay harmless after its end.
#[derive(Clone, Debug)]
pub struct Process {
    pid: u32,
    pidfd: Arc<OwnedFd>,
}

/// What is left of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How the process ended.
    pub exit: Exit,
    /// Mount points that were made in the rootfs, in the order of creation; see [`crate::remove_stubs`].
    pub stubs: Vec<Stub>,
    /// Whether the kernel killed a process of it because its limit of memory was reached.
    pub out_of_memory: bool,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this code.
    Code(u8),
    /// This signal killed it.
    Signal(i32),
}

impl Exit {
    /// The shell's number: the code, or 128 + the signal.
    pub fn code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => u8::try_from(signal.saturating_add(128)).unwrap_or(u8::MAX),
        }
    }

    /// Whether it exited with 0.
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

impl Process {
    /// A process by its number and its pidfd.
    pub(crate) fn new(pid: u32, pidfd: Arc<OwnedFd>) -> Self {
        Self { pid, pidfd }
    }

    /// The process that has this number now; none if there is none. Whether it is the one that is meant must be asked
    /// after this, and [`Process::has_ended`] after that: then no other can have taken its number in between.
    pub fn open(pid: u32) -> io::Result<Option<Self>> {
        let Some(number) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
        match pidfd_open(number, PidfdFlags::empty()) {
            Ok(pidfd) => Ok(Some(Self::new(pid, Arc::new(pidfd)))),
            Err(Errno::SRCH | Errno::INVAL) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Whether it runs no more.
    pub fn has_ended(&self) -> io::Result<bool> {
        self.poll(Some(&Timespec::default()))
    }

    /// Waits until it runs no more.
    pub fn wait_for_end(&self) -> io::Result<()> {
        self.poll(None).map(drop)
    }

    fn poll(&self, timeout: Option<&Timespec>) -> io::Result<bool> {
        let mut polled = [PollFd::new(&*self.pidfd, PollFlags::IN)];
        Ok(rustix::io::retry_on_intr(|| poll(&mut polled, timeout))? > 0)
    }

    /// What its namespaces are entered by.
    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Its number in this program's pid namespace.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends it a signal; a process that has ended is no error.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        self.send(signal.as_raw())
    }

    /// Sends it a signal by number (signal(7)), be it a real-time one; a process that has ended is no error.
    pub fn send(&self, number: i32) -> io::Result<()> {
        match sys::send_signal(self.pidfd.as_fd(), number) {
            Err(error) if Errno::from_io_error(&error) == Some(Errno::SRCH) => Ok(()),
            other => other,
        }
    }
}

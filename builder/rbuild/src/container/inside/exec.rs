//! A further process in a container, from its start to its exit code. Decides nothing of what the process is.

use super::plan::{Parts, joining};
use super::request::ExecRequest;
use super::running::Running;
use crate::container::life::signals::{Forwarder, Proxy};
use crate::container::life::{stdio, user};
use crate::error::{Error, Result};
use rbuild_oci::Cancel;
use rbuild_runner::cgroup;
use rbuild_runner::{IdMap, Output, Process, Sandbox, Stdio, Stream};
use rbuild_store::RootDir;
use rustix::fs::{Mode, OFlags};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Runs the command in the container, to its end; the exit code for the shell. Needs to be in the container's user
/// namespace. `begun` is called once the program itself runs. The process dies with this one, and with the container.
pub fn exec(running: &Running, request: &ExecRequest, cancel: &Cancel, begun: &mut dyn FnMut()) -> Result<u8> {
    running.refuse_paused()?;
    let config = request.on(running.config());
    let signals = Forwarder::start(cancel, config.terminal, Proxy::On)?;
    let process = running.process();
    let rootfs = RootDir::open(&PathBuf::from(format!("/proc/{}/root", process.pid())));
    running.check()?;
    let rootfs = rootfs?;
    let parts = Parts {
        process,
        cgroups: cgroup::procs(process.pid(), config.id.hex())?,
        privileged: request.privileged,
        account: user::account(&|name| user::read(&rootfs, name), &config.user, &config.group_add)?,
        stdio: if request.detach && !config.terminal { nowhere()? } else { stdio::open(&config)? },
        ids: &IdMap::current()?,
    };
    let joining = joining(&config, parts)?;
    let mut attended = Attended { signals: &signals, heard: !request.detach, running: begun, deaf: false };
    match Sandbox::new()?.join(&joining, &mut attended, cancel) {
        Ok(exit) => Ok(signals.code(exit)),
        Err(_) if attended.deaf => Ok(BROKEN_PIPE),
        Err(error) => match (signals.canceled_by(), error) {
            (Some(code), _) => Ok(code),
            (None, rbuild_runner::Error::Ended) => Err(running.ended()),
            (None, error) => Err(error.into()),
        },
    }
}

/// The number that `docker exec` has for an error: 127 and 126 for a program that cannot be started, else 1.
pub fn exit_code(error: &Error) -> u8 {
    match error {
        Error::Runner(rbuild_runner::Error::Program { code, .. }) => *code,
        Error::Runner(rbuild_runner::Error::Setup { .. }) => 126,
        _ => 1,
    }
}

/// What a shell gives for a program that wrote to nobody: 128 + SIGPIPE.
const BROKEN_PIPE: u8 = 141;

struct Attended<'a> {
    signals: &'a Forwarder,
    /// Whether anybody reads what it prints.
    heard: bool,
    running: &'a mut dyn FnMut(),
    /// Whether nobody does any more.
    deaf: bool,
}

impl Output for Attended<'_> {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        if !self.heard {
            return Ok(());
        }
        let written = stdio::write(stream, bytes);
        self.deaf |= written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        written
    }

    fn started(&mut self, process: &Process) {
        self.signals.attach(process);
    }

    fn running(&mut self) {
        (self.running)();
    }
}

/// No input, and output that nobody reads.
fn nowhere() -> Result<Stdio> {
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .map_err(Error::io("open", "/dev/null"))?;
    let null = Arc::new(null);
    Ok(Stdio::Inherited([null.clone(), null.clone(), null]))
}

//! A further process in a container, from its start to its exit code. Decides nothing of what the process is.

use super::plan::{Parts, joining};
use super::request::ExecRequest;
use super::running::Running;
use crate::container::life::signals::{Forwarder, Proxy};
use crate::container::life::{Attendant, Listener, null, stdio, user};
use crate::error::{Error, Result};
use rbuild_oci::Cancel;
use rbuild_runner::cgroup;
use rbuild_runner::{IdMap, Sandbox, Stdio};
use rbuild_store::RootDir;
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
    let mut attendant = Attendant { signals: &signals, heard: !request.detach, begun, listener: Listener::default() };
    let ended = Sandbox::new()?.join(&joining, &mut attendant, cancel).map(|exit| signals.code(exit));
    attendant.listener.settle(ended, &signals).map_err(|error| match error {
        rbuild_runner::Error::Ended => running.ended(),
        error => error.into(),
    })
}

/// The number that `docker exec` has for an error: 127 and 126 for a program that cannot be started, else 1.
pub fn exit_code(error: &Error) -> u8 {
    match error {
        Error::Runner(rbuild_runner::Error::Program { code, .. }) => *code,
        Error::Runner(rbuild_runner::Error::Setup { .. }) => 126,
        _ => 1,
    }
}

/// No input, and output that nobody reads.
fn nowhere() -> Result<Stdio> {
    let null = Arc::new(null()?);
    Ok(Stdio::Inherited([null.clone(), null.clone(), null]))
}

//! A container that exists lives once, to its exit code: the order of the steps, and what becomes of it at the end.
//! Decides nothing of its own.

use super::make::create;
use super::plan::{self, Parts};
use super::signals::Forwarder;
use super::stdio;
use super::user;
use super::view;
use crate::container::create::Request;
use crate::container::model::{Image, stack};
use crate::container::mounts::Site;
use crate::container::shelf::{Containers, Held, ProcessMark, State};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::rootfs::{Sync, rootfs};
use rbuild_oci::Timestamp;
use rbuild_runner::{Container, Output, Process, Stream, remove_stubs};
use rbuild_store::VolumeDriver;
use rbuild_store::snapshot::{Draft, Place};
use std::io;

/// Runs the image's command, or the request's, in a new container, to its end; the exit code for the shell. Needs to be
/// inside the namespace that work is done in. [`exit_code`] has the number of an error.
pub fn run(ctx: Ctx<'_>, request: &Request, image: &Image, volumes: &dyn VolumeDriver) -> Result<u8> {
    ctx.executor.runs(&image.config.platform())?;
    Containers::new(ctx.store).sweep(volumes)?;
    let signals = Forwarder::start(ctx.cancel, request.terminal)?;
    let held = create(ctx, request, image)?;
    live(ctx, held, volumes, &signals)
}

/// Runs a container's process to its end and writes down how it went, or removes the container where that was asked
/// for; the exit code for the shell.
fn live(ctx: Ctx<'_>, held: Held, volumes: &dyn VolumeDriver, signals: &Forwarder) -> Result<u8> {
    // From now on the container itself says what it needs, however long it runs.
    ctx.store.release();
    let mut life = Life { ctx, held: &held, signals, started: None, failure: None, deaf: false };
    let ended = life.live(volumes);
    let (started, deaf) = (life.started, life.deaf);
    let ended = match (ended, signals.canceled_by()) {
        (Err(_), _) if deaf => Ok(BROKEN_PIPE),
        (Err(_), Some(code)) => Ok(code),
        (ended, _) => ended,
    };
    if held.is_auto_removed() {
        Containers::new(ctx.store).remove(held, volumes)?;
    } else {
        held.set_state(&State::Exited {
            code: ended.as_ref().map_or_else(exit_code, |code| *code),
            started: started.filter(|_| ended.is_ok()),
            finished: ctx.clock.now(),
            error: ended.as_ref().err().map(ToString::to_string),
        })?;
    }
    ended
}

/// What `docker run` exits with when it is rbuild, and not the container, that failed.
pub const FAILED: u8 = 125;

/// The number that `docker run` has for an error: 127 and 126 for a program that cannot be started, else [`FAILED`].
pub fn exit_code(error: &Error) -> u8 {
    match error {
        Error::Runner(error) => error.exit_code(),
        _ => FAILED,
    }
}

/// What a shell gives for a program that wrote to nobody: 128 + SIGPIPE.
const BROKEN_PIPE: u8 = 141;

/// A container from its first mount to its last.
struct Life<'a> {
    ctx: Ctx<'a>,
    held: &'a Held,
    signals: &'a Forwarder,
    started: Option<Timestamp>,
    /// What went wrong while it ran.
    failure: Option<Error>,
    /// Whether nobody reads its output any more.
    deaf: bool,
}

impl Life<'_> {
    /// Its exit code.
    fn live(&mut self, volumes: &dyn VolumeDriver) -> Result<u8> {
        let Ctx { store, cancel, executor, .. } = self.ctx;
        let snapshots = self.ctx.snapshots.get()?;
        let stack = stack(store, &self.held.config().image.layers)?;
        snapshots.ensure(&stack, &store.layers(), cancel)?;
        let upper = self.held.upper();
        let draft = snapshots.prepare(&stack, Place::Kept(&upper), cancel)?;
        let container = self.container(&draft, volumes)?;
        let outcome = executor.run(&container, self, cancel)?;
        remove_stubs(draft.written(), &outcome.stubs)?;
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(self.signals.code(outcome.exit)),
        }
    }

    fn container(&self, draft: &Draft, volumes: &dyn VolumeDriver) -> Result<Container> {
        let config = self.held.config();
        let view = view::view(draft)?;
        let site = Site { held: self.held, volumes, rootfs: &view, cancel: self.ctx.cancel, now: self.ctx.clock.now() };
        let parts = Parts {
            rootfs: rootfs(draft, Sync::Honoured)?,
            mounts: site.mounts()?,
            account: user::account(&view, &config.user)?,
            stdio: stdio::open(config)?,
            ids: self.ctx.ids,
        };
        plan::container(config, parts)
    }

    fn note_start(&mut self, process: &Process) -> Result<()> {
        let started = self.ctx.clock.now();
        self.started = Some(started);
        self.held.set_state(&State::Running { process: ProcessMark::of(process.pid())?, started })
    }
}

impl Output for Life<'_> {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        let written = stdio::write(stream, bytes);
        self.deaf |= written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        written
    }

    fn started(&mut self, process: &Process) {
        self.signals.attach(process);
        self.failure = self.note_start(process).err();
    }
}

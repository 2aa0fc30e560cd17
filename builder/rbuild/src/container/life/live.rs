//! A container that exists lives once, to its exit code: the order of the steps, who sees what it prints, and what
//! becomes of it at the end. The same in the foreground and under a supervisor. Decides nothing of its own.

use super::attendant::Listener;
use super::inlets::Inlets;
use super::network;
use super::plan::{self, Parts};
use super::signals::{Forwarder, Signaller};
use super::user;
use crate::container::control::{Manner, Served, Server, Size};
use crate::container::log::{self, Log};
use crate::container::model::{Binding, Config, Network, stack};
use crate::container::mounts::{Ready, Seen, Site};
use crate::container::shelf::{Containers, Held, ProcessMark, State};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::rootfs::{self, Sync};
use rbuild_oci::Timestamp;
use rbuild_runner::cgroup;
use rbuild_runner::{
    Begun, Container, Guard, Output, Process, Stdio, Stream, Stub, oom_score_shortcoming, remove_stubs,
};
use rbuild_store::VolumeDriver;
use rbuild_store::snapshot::{Draft, Place};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where a container's streams lead, beside its log and those who attach.
pub(crate) trait Console {
    /// Opens the container's streams, and the ways in for those who attach.
    fn open(&mut self, config: &Config) -> Result<(Stdio, Inlets)>;

    /// Shows output; an error ends the container.
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()>;

    /// The container's program runs.
    fn running(&mut self) {}

    /// Says what went wrong and stops nothing.
    fn warn(&mut self, text: &str);
}

/// Runs a container's process to its end and writes down how it went, or removes the container where that was asked
/// for; the exit code for the shell.
pub(crate) fn live(
    ctx: Ctx<'_>,
    held: Held,
    volumes: &dyn VolumeDriver,
    signals: &Forwarder,
    console: &mut dyn Console,
) -> Result<u8> {
    // From now on the container itself says what it needs, however long it runs.
    ctx.store.release();
    let log = Log::new(held.dir().join(log::name(held.id())));
    let mut life = Life {
        ctx,
        held: &held,
        signals,
        console,
        log,
        server: None,
        kept: Arc::default(),
        guard: None,
        started: None,
        ports: Vec::new(),
        out_of_memory: false,
        stubs: None,
        failure: None,
        listener: Listener::default(),
    };
    // Those of a life that was cut short.
    let mut ended = held.unmount(volumes).and_then(|()| life.live(volumes));
    if let Err(error) = held.unmount(volumes) {
        life.console.warn(&format!("{error}; it is told again when the container is started or removed"));
    }
    let is_removed = held.is_auto_removed() && !life.kept.load(Ordering::Relaxed);
    if !is_removed {
        let tidied = life.tidy();
        ended = ended.and_then(|code| tidied.map(|()| code));
    }
    let (started, server, out_of_memory) = (life.started, life.server, life.out_of_memory);
    let ended = life.listener.settle(ended, signals);
    let code = ended.as_ref().map_or_else(exit_code, |code| *code);
    let settled = if is_removed {
        Containers::new(ctx.store).remove(held, volumes)
    } else {
        held.set_state(&State::Exited {
            code,
            started: started.filter(|_| ended.is_ok()),
            finished: ctx.clock.now(),
            out_of_memory,
            error: ended.as_ref().err().map(ToString::to_string),
        })
    };
    if let Some(server) = server {
        server.tell_end(code);
    }
    ended.and_then(|code| settled.map(|()| code))
}

/// What goes with its container is read by nobody after a crash; any other container's fsync is real.
fn sync(held: &Held) -> Sync {
    if held.is_auto_removed() { Sync::Ignored } else { Sync::Honoured }
}

/// What `docker run` exits with when it is rbuild, and not the container, that failed.
pub const FAILED: u8 = 125;

/// The number that `docker run` has for an error: 127 and 126 for a program that cannot be started, else [`FAILED`].
pub fn exit_code(error: &Error) -> u8 {
    match error {
        Error::Runner(error) => error.exit_code(),
        Error::Start { code, .. } => *code,
        _ => FAILED,
    }
}

/// A container from its first mount to its last.
struct Life<'a> {
    ctx: Ctx<'a>,
    held: &'a Held,
    signals: &'a Forwarder,
    console: &'a mut dyn Console,
    log: Log,
    server: Option<Server>,
    /// Whether somebody asked that it stays when it ends: it is to be started again at once.
    kept: Arc<AtomicBool>,
    /// Sees to it that the container dies with this process, whatever user it became.
    guard: Option<Guard>,
    started: Option<Timestamp>,
    /// Its ports that are published.
    ports: Vec<Binding>,
    /// Whether the kernel killed a process of it for want of memory.
    out_of_memory: bool,
    /// What was made to be mounted on, and in which directory: of no use to a container that is removed.
    stubs: Option<(PathBuf, Vec<Stub>)>,
    /// What went wrong while it ran.
    failure: Option<Error>,
    /// Who reads its output.
    listener: Listener,
}

impl Life<'_> {
    /// Its exit code.
    fn live(&mut self, volumes: &dyn VolumeDriver) -> Result<u8> {
        let Ctx { store, cancel, executor, .. } = self.ctx;
        let config = self.held.config();
        let (stdio, inlets) = self.console.open(config)?;
        let (signaller, kept) = (self.signals.signaller(), self.kept.clone());
        let ways = Ways { signaller, terminal: config.terminal, inlets, kept };
        let (server, door) = Server::start(self.held.dir(), Arc::new(ways))?;
        self.server = Some(server);
        self.signals.attend(door)?;
        let snapshots = self.ctx.snapshots.get()?;
        let stack = stack(store, &config.image.layers)?;
        snapshots.ensure(&stack, &store.layers(), cancel)?;
        let upper = self.held.upper();
        let draft = snapshots.prepare(&stack, Place::Kept(&upper), cancel)?;
        let (begun, container, _kept) = self.begin(&draft, volumes, stdio)?;
        let ended = executor.go_on(begun, &container, self, cancel);
        self.guard.as_mut().map(Guard::dismiss);
        let unwritten = self.log.finish(self.ctx.clock.now());
        self.lament(unwritten);
        let outcome = ended?;
        self.out_of_memory = outcome.out_of_memory;
        self.stubs = Some((draft.written().to_owned(), outcome.stubs));
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(self.signals.code(outcome.exit)),
        }
    }

    /// The container, begun once all that it shows is mounted, and what its mounts stand on.
    fn begin(
        &mut self,
        draft: &Draft,
        volumes: &dyn VolumeDriver,
        stdio: Stdio,
    ) -> Result<(Begun, Container, Vec<Draft>)> {
        let config = self.held.config();
        self.warn_of(config);
        let wired = network::wire(config, &std::env::var_os("PATH").unwrap_or_default())?;
        self.ports = wired.bindings;
        let seen = Seen::new(draft);
        let Ready { specs, drafts } = Site { ctx: self.ctx, held: self.held, volumes, rootfs: &seen }.mounts()?;
        let begun = self.ctx.executor.begin(&plan::birth(config))?;
        let parts = Parts {
            rootfs: rootfs::root(self.ctx.snapshots.get()?, draft, sync(self.held), &rootfs::CONTAINER)?,
            mounts: specs,
            account: user::account(&|name| seen.read("etc", name, user::MOST), &config.user, &config.group_add)?,
            stdio,
            network: wired.network,
            ids: self.ctx.ids,
        };
        Ok((begun, plan::container(config, parts)?, drafts))
    }

    /// Takes away what was made to be mounted on.
    fn tidy(&mut self) -> Result<()> {
        let Some((written, stubs)) = self.stubs.take() else { return Ok(()) };
        Ok(remove_stubs(&written, &stubs)?)
    }

    fn note_start(&mut self, process: &Process) -> Result<()> {
        let started = self.ctx.clock.now();
        self.started = Some(started);
        self.held.set_state(&State::Running {
            process: ProcessMark::of(process.pid())?,
            started,
            ports: self.ports.clone(),
        })
    }

    /// Says what was asked for and cannot be had.
    fn warn_of(&mut self, config: &Config) {
        if config.network == Network::Host && !config.ports.publish.is_empty() {
            self.console.warn("Published ports are discarded when using host network mode");
        }
        let of_group = cgroup::shortcomings(&config.limits.of_group());
        let of_score = config.limits.oom_score_adj.and_then(oom_score_shortcoming);
        of_group.iter().chain(&of_score).for_each(|shortcoming| self.console.warn(shortcoming));
    }

    /// Says, once, that its log has holes from now on.
    fn lament(&mut self, unwritten: Option<io::Error>) {
        if let Some(error) = unwritten {
            let name = &self.held.config().name;
            self.console.warn(&format!("the log of {name} cannot be written, lines are lost: {error}"));
        }
    }
}

impl Output for Life<'_> {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        let unwritten = self.log.write(stream, bytes, self.ctx.clock.now());
        self.lament(unwritten);
        if let Some(server) = &self.server {
            server.show(stream, bytes);
        }
        self.listener.heard(self.console.write(stream, bytes))
    }

    fn started(&mut self, process: &Process) {
        self.signals.attach(process);
        // Without a guard the parent-death signal is left, which holds for all but programs that change their user.
        self.guard = Guard::killing(process).ok();
        self.failure = self.note_start(process).err();
    }

    fn running(&mut self) {
        self.console.running();
    }
}

/// What those who connect can do.
struct Ways {
    signaller: Signaller,
    terminal: bool,
    inlets: Inlets,
    kept: Arc<AtomicBool>,
}

impl Served for Ways {
    fn manner(&self) -> Manner {
        Manner { terminal: self.terminal, input: self.inlets.takes_input() }
    }

    fn signal(&self, number: i32) -> io::Result<()> {
        self.signaller.send(number)
    }

    fn keep(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }

    fn input(&self, bytes: &[u8]) {
        self.inlets.input(bytes);
    }

    fn end_input(&self) {
        self.inlets.end_input();
    }

    fn resize(&self, size: Size) {
        self.inlets.resize(size);
    }
}

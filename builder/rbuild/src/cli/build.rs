//! `rbuild build`: what surrounds a build: progress, signals, the user namespace. What the arguments mean is decided in
//! `request`.

use super::debug::{Givens, Stay, is_attended};
use super::globals::{Globals, Standing};
use super::out::{complain, complain_of, print};
use super::signals::cancel_on_signal;
use crate::args::{BuildArgs, Limit};
use crate::build::{Built, build};
use crate::ctx::{Clock, Ctx, Place, SystemClock};
use crate::error::{Error, Result};
use crate::events::{Diarist, Events, FirstFailed, Held, LogFile, Plain, RawJson, Sink, Tty};
use crate::explain::{self, Diary, Outcome};
use crate::failed::{self, Failed};
use crate::far::{Far, Registries, Source};
use crate::import::context;
use crate::metadata;
use crate::prune::{Before, Trimmed, keep_within};
use crate::reach::Reach;
use crate::render::human;
use crate::report;
use crate::request::BuildRequest;
use crate::sharing::{Caches, Scope};
use crate::warnings;
use dockerfile_parser::lint::Linter;
use rbuild_oci::Cancel;
use rbuild_records::LocalBackend;
use rbuild_registry::Settings;
use rbuild_runner::Sandbox;
use rbuild_store::{Bucket, Store};
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Builds, and starts again inside a user namespace where that is needed.
pub fn run(args: &BuildArgs, globals: &Globals) -> Result<ExitCode> {
    let progress = Progress::parse(args)?;
    let mut request = BuildRequest::resolve(args, &|name| std::env::var(name).ok())?;
    let mut linter = request.graph.linter()?;
    let store = globals.store()?;
    store.lease()?;
    let standing = Standing::find()?;
    request.iidfile.iter().chain(&request.metadata_file).try_for_each(|path| remove_stale(path))?;
    let cancel = Cancel::new();
    let watch = cancel_on_signal(&cancel)?;
    let (held, first, id) = (Arc::new(Held::default()), Arc::new(FirstFailed::default()), build_id());
    let diarist = Arc::new(Diarist::default());
    let events = match standing.place {
        Place::Inside => progress.events(&store, &id).and(Box::new(first.clone())),
        Place::Outside => Events::new(vec![Box::new(held.clone())]),
    };
    let events = Arc::new(events.and(Box::new(diarist.clone())));
    let result = attempt((&mut request, &mut linter), globals, &store, &standing, &events, &cancel);
    drop(events);
    let tell = || {
        let shown = progress.events(&store, &id);
        held.release(&shown);
        warnings::tell(&shown, &request.dockerfile.name, &linter);
    };
    match result {
        Ok(built) => {
            tell();
            look_back(args, (&store, &id), &request, Some(&built), &diarist)?;
            finish(args, (&id, &request), &built)
        }
        Err(Error::NeedsNamespace) => {
            drop(watch);
            store.release();
            start_again(&store, &standing, &request)
        }
        Err(error) => {
            tell();
            look_back(args, (&store, &id), &request, None, &diarist)?;
            complain_of(&report::with_source(&error, &request.dockerfile.name, &request.dockerfile.bytes));
            let signal = watch.signal().filter(|_| error.is_canceled());
            drop(watch);
            if let Some(failed) = first.take().filter(|_| signal.is_none()) {
                look_into(&failed, &request, globals, (&store, &id))?;
            }
            Ok(signal.map_or_else(|| report::exit_code(&error), |signal| ExitCode::from(128 + signal)))
        }
    }
}

/// Opens a shell in the state in which a step failed where somebody is there to use it, and else keeps it.
fn look_into(failed: &Failed, request: &BuildRequest, globals: &Globals, (store, build): (&Store, &str)) -> Result<()> {
    if is_attended() {
        let givens = Givens { secrets: &request.secrets, ssh: &request.ssh };
        let code = Stay { failed, givens }.enter(Vec::new(), globals, store.clone(), Standing::find()?);
        return code.map(drop).or_else(|error| {
            complain_of(&report::plain(&error));
            Ok(())
        });
    }
    failed::keep(store, build, failed)?;
    complain(&format!("The state in which it failed is kept: rbuild debug {build}\n"));
    Ok(())
}

/// Starts again where everything may be done.
fn start_again(store: &Store, standing: &Standing, request: &BuildRequest) -> Result<ExitCode> {
    if let Some(note) = standing.note() {
        complain(&format!("NOTE: {note}\n"));
    }
    standing.start_again(store.root(), request.standard_input())
}

fn attempt(
    (request, linter): (&mut BuildRequest, &mut Linter),
    globals: &Globals,
    store: &Store,
    standing: &Standing,
    events: &Arc<Events>,
    cancel: &Cancel,
) -> Result<Built> {
    // A step that fails ends the others, and not what caches are told meanwhile.
    let (steps, _tie) = cancel.child();
    let (network, client) = (globals.network(), globals.registries(&steps));
    let caches = Caches::open(request, &network, cancel)?;
    let places: Vec<Box<dyn Source>> = vec![Box::new(Registries::new(&client)), Box::new(caches.depots())];
    let store = &store.clone().bringing(Arc::new(Far::new(places, &steps).for_build(events.clone())));
    let (drivers, near) = (globals.drivers(store, standing)?, LocalBackend::of(store));
    if globals.offline && request.pull {
        return Err(Error::Usage("--pull asks registries, which --offline forbids: leave one of them out".to_owned()));
    }
    let executor = Sandbox::new()?;
    let wrote = AtomicBool::new(false);
    let traffic = caches.traffic(store, cancel);
    let sharing = traffic.behind(store, &near, events);
    let ctx = Ctx {
        store,
        snapshots: &drivers,
        cache: &sharing.of(Scope::Image),
        aside: &sharing.of(Scope::Aside),
        inline: &|| traffic.inline(),
        mounts: caches.mounts(),
        network: &network,
        executor: &executor,
        events,
        cancel: &steps,
        clock: &SystemClock,
        written: &near,
        wrote: &wrote,
        place: standing.place,
        ids: &standing.ids,
        fidelity: standing.fidelity,
    };
    context::complete(Reach::of(&ctx), request)?;
    for note in &request.notes {
        events.note(note);
    }
    let before = Before::look(store, ctx.clock.now());
    let built = build(ctx, request, &client, linter);
    let told = if built.as_ref().is_err_and(gives_up) { Ok(()) } else { sharing.finish() };
    let built = built?;
    told?;
    cancel.check()?;
    caches.mounts().carry(&ctx)?;
    sharing.trim();
    if request.tags.is_empty() && request.outputs.is_empty() {
        events.note(&format!("built {}, which has no name: give it one with -t", built.id));
    }
    for tag in &request.tags {
        events.note(&format!("{} is {}", tag.familiar(), built.id));
    }
    if wrote.into_inner() {
        trim(store, (request.keep_storage, &network.settings), before, events, cancel);
    }
    Ok(built)
}

/// Whether what a build has made by then is nobody's business.
fn gives_up(error: &Error) -> bool {
    error.is_canceled() || matches!(error, Error::NeedsNamespace)
}

/// Keeps the build cache within its limit. A build that is done does not fail for that.
fn trim(
    store: &Store,
    (asked, settings): (Option<Limit>, &Settings),
    before: Before,
    events: &Events,
    cancel: &Cancel,
) {
    let limit = || -> Result<Limit> { Ok(asked.or(settings.keep_storage()?.map(Limit::Bytes)).unwrap_or_default()) };
    match limit().and_then(|limit| keep_within(store, limit, SystemClock.now(), before, cancel)) {
        Ok(Trimmed { freed: 0, .. }) => {}
        Ok(Trimmed { limit, freed }) => {
            let [freed, limit] = [freed, limit].map(human::size);
            events.note(&format!("removed {freed} of the build cache, which is kept within {limit}"));
        }
        Err(error) => events.warning(&format!("the build cache is not kept within its limit: {error}")),
    }
}

/// A file that an earlier build wrote must not be taken for this one's, should this one fail. Devices and pipes stay.
fn remove_stale(path: &Path) -> Result<()> {
    match path.symlink_metadata() {
        Ok(there) if there.is_file() => std::fs::remove_file(path).map_err(Error::io("replace", path.display())),
        _ => Ok(()),
    }
}

/// Shows what became of the steps where that is asked for, and keeps it where anything was new.
fn look_back(
    args: &BuildArgs,
    (store, build): (&Store, &str),
    request: &BuildRequest,
    built: Option<&Built>,
    diarist: &Diarist,
) -> Result<()> {
    let steps = diarist.steps();
    // Lines of JSON stay so.
    if args.explain && args.progress != "rawjson" {
        complain(&format!("\n{}", explain::table(&steps)));
    }
    let is_news = steps.iter().any(|noted| noted.outcome != Outcome::Cached);
    if !is_news && !built.is_some_and(|built| built.is_named_anew) {
        return Ok(());
    }
    let (image, when) = (built.map(|built| built.id), std::time::SystemTime::now().into());
    let tags = request.tags.iter().filter(|_| built.is_some()).map(ToString::to_string).collect();
    Diary { version: Diary::VERSION, build: build.to_owned(), when, image, tags, steps }.keep(store)
}

fn finish(args: &BuildArgs, (build, request): (&str, &BuildRequest), built: &Built) -> Result<ExitCode> {
    if let Some(path) = &request.iidfile {
        std::fs::write(path, built.id_to_tell(request).to_string()).map_err(Error::io("write", path.display()))?;
    }
    if let Some(path) = &request.metadata_file {
        metadata::write(path, (build, request), built)?;
    }
    if args.quiet || args.progress == "quiet" {
        print(&format!("{}\n", built.id))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// How a build is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Plain,
    Tty,
    RawJson,
    Quiet,
}

impl Progress {
    /// As it is asked for.
    pub(super) fn parse(args: &BuildArgs) -> Result<Self> {
        if args.quiet {
            return Ok(Self::Quiet);
        }
        match args.progress.as_str() {
            "auto" | "tty" if io::stderr().is_terminal() => Ok(Self::Tty),
            "auto" | "plain" | "tty" => Ok(Self::Plain),
            "rawjson" => Ok(Self::RawJson),
            "quiet" | "none" => Ok(Self::Quiet),
            other => {
                Err(Error::Usage(format!("--progress {other:?} is not known: use auto, plain, tty, rawjson or quiet")))
            }
        }
    }

    fn events(self, store: &Store, build: &str) -> Events {
        let log: Box<dyn Sink> = Box::new(LogFile::new(store.dir(Bucket::Builds).join(build)));
        Events::new(self.shown().into_iter().chain([log]).collect())
    }

    /// What shows it, if anything does.
    pub(super) fn shown(self) -> Option<Box<dyn Sink>> {
        match self {
            Self::Plain => Some(Box::new(Plain::new(io::stderr()))),
            Self::Tty => Some(Box::new(Tty::new())),
            Self::RawJson => Some(Box::new(RawJson::new(io::stderr()))),
            Self::Quiet => None,
        }
    }
}

/// A name for this build's logs that no other build has.
fn build_id() -> String {
    let now = rbuild_oci::Timestamp::from(std::time::SystemTime::now());
    format!("{:012x}{:08x}-{}", now.seconds, now.nanos, std::process::id())
}

//! `rbuild build`: its arguments as typed, and what surrounds a build: progress, signals, the user namespace. What the
//! arguments mean is decided in `request`.

use super::globals::{Globals, Standing};
use super::out::{complain, complain_of, print};
use super::signals::cancel_on_signal;
use crate::build::{Built, build};
use crate::ctx::{Ctx, Place, SystemClock};
use crate::error::{Error, Result};
use crate::events::{Events, Held, LogFile, Plain, RawJson, Sink, Tty};
use crate::import::context;
use crate::metadata;
use crate::reach::Reach;
use crate::report;
use crate::request::BuildRequest;
use crate::warnings;
use clap::{ArgAction, Args};
use dockerfile_parser::lint::Linter;
use rbuild_oci::Cancel;
use rbuild_records::LocalBackend;
use rbuild_registry::{Client, Config};
use rbuild_runner::Sandbox;
use rbuild_store::{Bucket, Store};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What a build, or a question about one, is given.
#[derive(Args, Clone, Debug)]
#[command(after_help = report::EXIT_CODES)]
pub struct BuildArgs {
    /// Dockerfile to read: a file (of the context, where that is no directory), `-` for standard input, or a URL
    /// [default: Dockerfile in the context]
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Name of the image, `name[:tag]`; may be given several times
    #[arg(short, long = "tag", value_name = "NAME")]
    pub tags: Vec<String>,
    /// Value of an ARG, `NAME=VALUE`; `NAME` alone takes the value from the environment
    #[arg(long = "build-arg", value_name = "NAME[=VALUE]")]
    pub build_args: Vec<String>,
    /// Another context or image under a name (`NAME::PLATFORM` for one platform only): a directory, a git repository, a
    /// URL, `oci-layout://PATH[:tag|@digest]` or `docker-image://REF`
    #[arg(long = "build-context", value_name = "NAME=SOURCE")]
    pub build_contexts: Vec<String>,
    /// File with patterns of what is left out of the context, in place of .dockerignore
    #[arg(long, value_name = "FILE")]
    pub ignorefile: Option<PathBuf>,
    /// Stage to stop at
    #[arg(long, value_name = "STAGE")]
    pub target: Option<String>,
    /// Platform to build for, `os/arch[/variant]` or `local`; several make an index
    #[arg(long = "platform", value_name = "PLATFORM", value_delimiter = ',')]
    pub platforms: Vec<String>,
    /// Label of the image, `KEY=VALUE`
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub labels: Vec<String>,
    /// Annotation, `[PLACE[,PLACE]:]KEY=VALUE`; a place is manifest (the default), index, manifest-descriptor or
    /// index-descriptor, and the manifests may name one platform: `manifest[linux/arm64]:KEY=VALUE`
    #[arg(long = "annotation", value_name = "ANNOTATION")]
    pub annotations: Vec<String>,
    /// Run every step again; the results are kept for the next build
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true)]
    #[arg(action = ArgAction::Set, default_value = "false", default_missing_value = "true", hide_default_value = true)]
    #[arg(hide_possible_values = true)]
    pub no_cache: bool,
    /// Run the steps of this stage again; may be given several times
    #[arg(long = "no-cache-filter", value_name = "STAGE")]
    pub no_cache_filters: Vec<String>,
    /// Ask registries also for images that the store has
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true)]
    #[arg(action = ArgAction::Set, default_value = "false", default_missing_value = "true", hide_default_value = true)]
    #[arg(hide_possible_values = true)]
    pub pull: bool,
    /// Secret for `RUN --mount=type=secret`: `id=ID[,src=FILE|,env=NAME]`
    #[arg(long = "secret", value_name = "SPEC")]
    pub secrets: Vec<String>,
    /// SSH agent socket or key for `RUN --mount=type=ssh`: `default` or `ID=SOCKET`
    #[arg(long = "ssh", value_name = "ID[=SOCKET]")]
    pub ssh: Vec<String>,
    /// Network of RUN steps: default, host or none
    #[arg(long, value_name = "MODE")]
    pub network: Option<String>,
    /// Line for /etc/hosts of RUN steps, `HOST:IP`
    #[arg(long = "add-host", value_name = "HOST:IP")]
    pub add_hosts: Vec<String>,
    /// Size of /dev/shm in RUN steps, such as `128m` [default: 64m]
    #[arg(long, value_name = "SIZE")]
    pub shm_size: Option<String>,
    /// Limit of a resource in RUN steps, `NAME=SOFT[:HARD]`
    #[arg(long = "ulimit", value_name = "LIMIT")]
    pub ulimits: Vec<String>,
    /// Allow what the Dockerfile asks for: `security.insecure` or `network.host`
    #[arg(long = "allow", value_name = "ENTITLEMENT")]
    pub allow: Vec<String>,
    /// Steps that may run at once
    #[arg(short, long, value_name = "N", default_value = "16", value_parser = jobs)]
    pub jobs: usize,
    /// Also write the result: `type=oci|docker|local|tar,dest=PATH[,compression=gzip|zstd|uncompressed]…`
    #[arg(short, long = "output", value_name = "SPEC")]
    pub outputs: Vec<String>,
    /// How to show what happens: auto, plain, tty, rawjson or quiet
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub progress: String,
    /// Print the image id and nothing else
    #[arg(short, long)]
    pub quiet: bool,
    /// Write the image id to a file
    #[arg(long, value_name = "FILE")]
    pub iidfile: Option<PathBuf>,
    /// Write digest, descriptor and names of the image to a file, as JSON
    #[arg(long, value_name = "FILE")]
    pub metadata_file: Option<PathBuf>,
    /// What docker is told so that an image can be run; here it always can
    #[arg(long, hide = true)]
    pub load: bool,
    /// What docker is told so that no containers of steps stay; here none do
    #[arg(long, hide = true, alias = "force-rm")]
    pub rm: bool,
    /// Asks for what there is not yet
    #[arg(long, hide = true)]
    pub push: bool,
    /// The context: a directory, a tarball, a git repository (`URL.git#ref:subdir`), the URL of a tarball or Dockerfile,
    /// or `-` for a tarball or Dockerfile on standard input; of a Dockerfile it is the directory
    #[arg(value_name = "CONTEXT", default_value = ".")]
    pub context: String,
}

fn jobs(text: &str) -> std::result::Result<usize, &'static str> {
    text.parse().ok().filter(|jobs| *jobs > 0).ok_or("give a number, 1 or more")
}

/// Builds, and starts again inside a user namespace where that is needed.
pub fn run(args: &BuildArgs, globals: &Globals) -> Result<ExitCode> {
    if args.push {
        let way = "build with -t, then `skopeo copy oci:STORE:NAME docker://NAME` (rbuild info shows the store)";
        return Err(Error::Usage(format!("--push: images are not pushed yet: {way}")));
    }
    let progress = Progress::parse(args)?;
    let mut request = BuildRequest::resolve(args, &|name| std::env::var(name).ok())?;
    let mut linter = request.graph.linter()?;
    let store = globals.store()?;
    store.lease()?;
    let standing = Standing::find()?;
    request.iidfile.iter().chain(&request.metadata_file).try_for_each(|path| remove_stale(path))?;
    let cancel = Cancel::new();
    let watch = cancel_on_signal(&cancel)?;
    let held = Arc::new(Held::default());
    let events = match standing.place {
        Place::Inside => progress.events(&store),
        Place::Outside => Events::new(vec![Box::new(held.clone())]),
    };
    let result = attempt((&mut request, &mut linter), globals, &store, &standing, &events, &cancel);
    let tell = || {
        let shown = progress.events(&store);
        held.release(&shown);
        warnings::tell(&shown, &request.dockerfile.name, &linter);
    };
    match result {
        Ok(built) => {
            tell();
            finish(args, &request, &built)
        }
        Err(Error::NeedsNamespace) => {
            drop(watch);
            if let Some(note) = standing.note() {
                complain(&format!("NOTE: {note}\n"));
            }
            store.release();
            standing.start_again(store.root(), request.standard_input())
        }
        Err(error) => {
            drop(events);
            tell();
            complain_of(&report::with_source(&error, &request.dockerfile));
            let signal = watch.signal().filter(|_| error.is_canceled());
            Ok(signal.map_or_else(|| report::exit_code(&error), |signal| ExitCode::from(128 + signal)))
        }
    }
}

fn attempt(
    (request, linter): (&mut BuildRequest, &mut Linter),
    globals: &Globals,
    store: &Store,
    standing: &Standing,
    events: &Events,
    cancel: &Cancel,
) -> Result<Built> {
    let (drivers, cache) = (globals.drivers(store, standing)?, LocalBackend::new(store.dir(Bucket::Records)));
    let client = Client::new(Config::from_env(&|name| std::env::var_os(name)), cancel);
    let executor = Sandbox::new()?;
    let ctx = Ctx {
        store,
        snapshots: &drivers,
        cache: &cache,
        executor: &executor,
        events,
        cancel,
        clock: &SystemClock,
        written: &cache,
        wrote: &AtomicBool::new(false),
        place: standing.place,
        ids: &standing.ids,
        fidelity: standing.fidelity,
    };
    context::complete(Reach::of(&ctx), request)?;
    for note in &request.notes {
        events.note(note);
    }
    let built = build(ctx, request, &client, linter)?;
    if request.tags.is_empty() && request.outputs.is_empty() {
        events.note(&format!("built {}, which has no name: give it one with -t", built.id));
    }
    for tag in &request.tags {
        events.note(&format!("{} is {}", tag.familiar(), built.id));
    }
    Ok(built)
}

/// A file that an earlier build wrote must not be taken for this one's, should this one fail. Devices and pipes stay.
fn remove_stale(path: &Path) -> Result<()> {
    match path.symlink_metadata() {
        Ok(there) if there.is_file() => std::fs::remove_file(path).map_err(Error::io("replace", path.display())),
        _ => Ok(()),
    }
}

fn finish(args: &BuildArgs, request: &BuildRequest, built: &Built) -> Result<ExitCode> {
    if let Some(path) = &request.iidfile {
        std::fs::write(path, built.id.to_string()).map_err(Error::io("write", path.display()))?;
    }
    if let Some(path) = &request.metadata_file {
        metadata::write(path, request, built)?;
    }
    if args.quiet || args.progress == "quiet" {
        print(&format!("{}\n", built.id))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// How a build is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Plain,
    Tty,
    RawJson,
    Quiet,
}

impl Progress {
    fn parse(args: &BuildArgs) -> Result<Self> {
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

    fn events(self, store: &Store) -> Events {
        let log: Box<dyn Sink> = Box::new(LogFile::new(store.dir(Bucket::Builds).join(build_id())));
        let shown: Option<Box<dyn Sink>> = match self {
            Self::Plain => Some(Box::new(Plain::new(io::stderr()))),
            Self::Tty => Some(Box::new(Tty::new())),
            Self::RawJson => Some(Box::new(RawJson::new(io::stderr()))),
            Self::Quiet => None,
        };
        Events::new(shown.into_iter().chain([log]).collect())
    }
}

/// A name for this build's logs that no other build has.
fn build_id() -> String {
    let now = rbuild_oci::Timestamp::from(std::time::SystemTime::now());
    format!("{:012x}{:08x}-{}", now.seconds, now.nanos, std::process::id())
}

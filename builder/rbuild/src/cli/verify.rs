//! `rbuild verify`: builds twice without what is known of any step, and says whether the same bytes came out. Keeps nothing.

use super::build::Progress;
use super::globals::{Globals, Standing};
use super::ground::Ground;
use super::out::{complain_of, print};
use super::signals::cancel_on_signal;
use crate::args::BuildArgs;
use crate::build::{Built, build};
use crate::ctx::{Clock, Ctx, Place, SystemClock};
use crate::error::{Error, Result};
use crate::events::Events;
use crate::import::context;
use crate::reach::Reach;
use crate::report;
use crate::request::BuildRequest;
use crate::verify::{self, Afresh, Apart, Trace, Verdict, clear, compare};
use clap::{Args, ValueEnum};
use rbuild_oci::Cancel;
use rbuild_records::LocalBackend;
use std::process::ExitCode;

/// Build twice without the cache, and name the first step and file that differ
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct VerifyArgs {
    /// How to show what differs
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
    #[command(flatten)]
    build: BuildArgs,
}

const EXIT_CODES: &str =
    "Exit codes: 0 the same bytes twice, 1 not, or a build failed, 2 a command line that makes no sense";

/// How a verdict is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Builds twice and compares.
pub(super) fn run(args: &VerifyArgs, globals: &Globals) -> Result<ExitCode> {
    let progress = Progress::parse(&args.build)?;
    let (store, standing) = (globals.store()?, Standing::find()?);
    if standing.place == Place::Outside {
        return standing.start_again(store.root(), None);
    }
    let mut request = BuildRequest::resolve(&args.build, &|name| std::env::var(name).ok())?;
    (request.tags, request.outputs) = (Vec::new(), Vec::new());
    let ground = Ground::new(globals, store, standing, Cancel::new())?;
    let _watch = cancel_on_signal(&ground.cancel)?;
    match twice(&mut request, globals, &ground, progress) {
        Ok(verdict) => {
            print(&match args.format {
                Form::Text => verify::text(&verdict, &request.dockerfile.name),
                Form::Json => verify::json(&verdict),
            })?;
            Ok(if verdict.is_same() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Err(error) => {
            complain_of(&report::with_source(&error, &request.dockerfile.name, &request.dockerfile.bytes));
            Ok(report::exit_code(&error))
        }
    }
}

/// Builds twice and compares; what that left in the store goes, whatever came of it.
fn twice(request: &mut BuildRequest, globals: &Globals, ground: &Ground, progress: Progress) -> Result<Verdict> {
    let store = &ground.store;
    store.lease()?;
    let (trace, mut builds) = (Trace::begin(store)?, Vec::new());
    context::complete(Reach::of(&ground.ctx()), request)?;
    let result = both(request, (globals, ground), (progress, &trace), &mut builds);
    let verdict = result.and_then(|()| match &builds[..] {
        [first, second] => compare(store, first, second),
        _ => Err(Error::Step("there are no two builds to compare".to_owned())),
    });
    // Also after Ctrl-C.
    clear(store, &trace, &builds, &Cancel::new())?;
    verdict
}

fn both(
    request: &BuildRequest,
    (globals, ground): (&Globals, &Ground),
    (progress, trace): (Progress, &Trace),
    builds: &mut Vec<Built>,
) -> Result<()> {
    for which in ["first", "second"] {
        let events = Events::new(progress.shown().into_iter().collect()).and(Box::new(trace.clone()));
        events.note(&format!("the {which} build"));
        let mounts = Apart::new(format!("the {which} build of {} at {}", std::process::id(), SystemClock.now()), trace);
        builds.push(once(request, globals, ground, (&events, &mounts, trace))?);
    }
    Ok(())
}

/// Builds with no step known.
fn once(
    request: &BuildRequest,
    globals: &Globals,
    ground: &Ground,
    (events, mounts, trace): (&Events, &Apart<'_>, &Trace),
) -> Result<Built> {
    let records = LocalBackend::of(&ground.store);
    let afresh = Afresh::new(&records, trace);
    let ctx = Ctx { cache: &afresh, aside: &afresh, written: &afresh, mounts, events, ..ground.ctx() };
    build(ctx, request, &globals.registries(&ground.cancel), &mut request.graph.linter()?)
}

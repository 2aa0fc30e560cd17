//! RUN: a process on a writable draft of the parent; what it changed becomes a layer.

mod advice;
mod again;
mod agent;
mod cache_dir;
mod container;
mod enter;
mod key;
mod mounts;
mod output;
mod remains;

pub(crate) use cache_dir::alone as cache_alone;
pub use enter::{Entry, enter};

use crate::error::{Error, Result};
use crate::rootfs;
use crate::solve::layer;
use crate::solve::{Shown, Step, Value, Work, damage};
use crate::stack::Stack;
use output::StepOutput;
use rbuild_graph::RunOp;
use rbuild_runner::Exit;
use rbuild_store::snapshot::{self, Place};
use remains::Remains;

/// Runs the process, or finds what it left the last time.
pub fn solve(work: &Work<'_>, run: &RunOp, parent: &Stack, inputs: &[&Value]) -> Result<(Value, Shown)> {
    refuse_devices(run)?;
    let mut step = Step::new(work, parent);
    let found =
        step.settled(|step| find(work, step, run, parent, inputs).map_err(|error| damage::trace(work, inputs, error)))?;
    let mut surroundings = match found {
        Found::Cached(result) => return Ok(result),
        Found::Surroundings(surroundings) => surroundings,
    };
    let snapshots = work.ctx.snapshots.get()?;
    let layers = work.shelf.stack_layers(parent)?;
    let ensured = snapshots.ensure(&layers, &work.shelf.source(parent), work.ctx.cancel);
    ensured.map_err(|error| damage::trace_stacks(work, [parent], error.into()))?;
    let draft = snapshots.prepare(&layers, Place::Temporary, work.ctx.cancel)?;
    let begun = work.ctx.executor.begin(&container::birth(run))?;
    let view = work.shelf.view(parent)?;

    let container = container::plan(work, run, &draft, (parent, &view), &surroundings)?;
    let mut output = StepOutput::new(work);
    let outcome = work.ctx.executor.go_on(begun, &container, &mut output, work.ctx.cancel);
    let advise = |code: u8, tail: &[String]| advice::advice(work, run, &view, &advice::Failure { code, tail });
    let again = std::mem::take(&mut surroundings.again);
    drop((container, surroundings));
    let ended = match outcome {
        Ok(outcome) => {
            rootfs::tidy_step(&draft, outcome.stubs)?;
            judge(run, outcome.exit, output, &advise)
        }
        Err(error) => Err(not_started(run, error, &advise)),
    };
    if let Err(error) = ended {
        if let (true, Error::Command { outcome, .. }) = (work.inputs.keep_failed, &error) {
            Remains { run, draft: &draft, parent, view: &view, again }.tell(work, outcome);
        }
        return Err(error);
    }

    let changes = snapshots.changes(&draft, &view, work.ctx.cancel)?;
    for note in &changes.notes {
        work.ctx.events.note(note);
    }
    if changes.entries.is_empty() {
        return step.unchanged();
    }
    let writer = work.writer()?;
    let fresh = layer::land(work, snapshot::pack(&draft, changes.entries, writer)?)?;
    let index = work.shelf.keep(fresh.layer.diff_id, fresh.index.clone());
    let kept = step.keep(fresh)?;
    if let (true, Some(chain)) = (kept.fresh, kept.stack.chain()) {
        snapshots.commit(draft, &chain, &index)?;
    }
    Ok(kept.value)
}

/// What there is before the process starts.
enum Found {
    /// What it left the last time.
    Cached((Value, Shown)),
    /// What it mounts.
    Surroundings(mounts::Surroundings),
}

/// There are no devices of the Container Device Interface here, so only what can do without them runs.
fn refuse_devices(run: &RunOp) -> Result<()> {
    match run.devices.iter().find(|device| device.required) {
        Some(device) => Err(Error::Step(format!(
            "the device {:?} is required and not there: rbuild has no devices of the Container Device Interface",
            device.name
        ))),
        None => Ok(()),
    }
}

fn find(work: &Work<'_>, step: &mut Step<'_>, run: &RunOp, parent: &Stack, inputs: &[&Value]) -> Result<Found> {
    let shown = key::shown(work, run, inputs)?;
    if let Some(found) = step.look_up(key::recipe(work, step, parent, &shown))? {
        return Ok(Found::Cached(found));
    }
    step.begin_with(|| key::listing(work, run, inputs))?;
    mounts::prepare(work, run, inputs, &shown).map(Found::Surroundings)
}

/// What may help after an exit code and last lines.
type Advise<'a> = &'a dyn Fn(u8, &[String]) -> Option<String>;

fn judge(run: &RunOp, exit: Exit, output: StepOutput<'_>, advise: Advise<'_>) -> Result<()> {
    if exit.is_success() {
        return Ok(());
    }
    let outcome = match exit {
        Exit::Code(code) => format!("exit code: {code}"),
        Exit::Signal(signal) => format!("killed by signal {signal} (exit code: {})", exit.code()),
    };
    let (code, tail) = (exit.code(), output.into_tail());
    Err(Error::Command { command: words(run), outcome, code, hint: advise(code, &tail), tail })
}

/// A program that is missing or cannot be executed ends its step as in a shell.
fn not_started(run: &RunOp, error: rbuild_runner::Error, advise: Advise<'_>) -> Error {
    if !matches!(error, rbuild_runner::Error::Program { .. }) {
        return error.into();
    }
    let code = error.exit_code();
    let (outcome, hint) = (format!("exit code: {code}: {error}"), advise(code, &[]));
    Error::Command { command: words(run), outcome, code, tail: Vec::new(), hint }
}

fn words(run: &RunOp) -> String {
    run.argv.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join(" ")
}

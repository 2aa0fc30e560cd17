//! Into the state in which a RUN failed: its files once more, its mounts, environment, user, directory and network, and
//! another program in it. What that writes is gone when it ends. Knows no terminal.

use super::{container, mounts};
use crate::args::ulimit;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::events::StepId;
use crate::explain::Footing;
use crate::failed::Failed;
use crate::solve::{Inputs, Made, RunLimits, Value, Work};
use crate::stack::{Shelf, Stack};
use dockerfile_parser::Span;
use rbuild_graph::{Op, Place, Vertex};
use rbuild_oci::DiffId;
use rbuild_runner::{Exit, Output, Stdio};
use std::path::PathBuf;
use std::sync::OnceLock;

/// What is run in the state.
pub struct Entry<'a> {
    /// The program and its arguments.
    pub argv: Vec<Vec<u8>>,
    /// Its streams.
    pub stdio: Stdio,
    /// The content of a secret by its id; those that are not given are empty.
    pub secret: &'a (dyn Fn(&str) -> Result<Option<Vec<u8>>> + Sync),
    /// The socket of an ssh agent by its id; those that are not given are not there.
    pub ssh: &'a (dyn Fn(&str) -> Option<PathBuf> + Sync),
}

/// Runs a program in the state, to its end.
pub fn enter(ctx: Ctx<'_>, failed: &Failed, entry: Entry<'_>, output: &mut dyn Output) -> Result<Exit> {
    let limits = RunLimits {
        shm_size: failed.shm_size,
        ulimits: failed.ulimits.iter().map(|text| ulimit::parse(text)).collect::<Result<_>>()?,
    };
    let inputs = Inputs {
        context: &|_| Err(Error::Step("the state of a step has no context".to_owned())),
        image: &|_, _| Err(Error::Step("the state of a step has no base image".to_owned())),
        secret: &|id| Ok(Some((entry.secret)(id)?.unwrap_or_default())),
        ssh: entry.ssh,
        identify: &|_, _, _| Ok(None),
        begin: &|| Ok(()),
        project: "",
        no_cache: false,
        keep_failed: false,
        limits: &limits,
        confinement: OnceLock::new(),
        clamp: None,
        codecs: &[],
        jobs: 1,
    };
    let (shelf, vertex) = (Shelf::new(ctx.store), vertex(failed));
    let work = Work {
        ctx,
        shelf: &shelf,
        inputs: &inputs,
        vertex: &vertex,
        step: StepId(0),
        footing: Footing::default(),
        codecs: &[],
    };
    let shown = failed.inputs.iter().map(|layers| Ok(files(stack(&ctx, layers)?)));
    let shown: Vec<Value> = shown.collect::<Result<_>>()?;
    inside(&work, failed, &shown.iter().collect::<Vec<_>>(), (entry.argv, entry.stdio), output)
}

fn inside(
    work: &Work<'_>,
    failed: &Failed,
    shown: &[&Value],
    (argv, stdio): (Vec<Vec<u8>>, Stdio),
    output: &mut dyn Output,
) -> Result<Exit> {
    let Ctx { snapshots, cancel, executor, .. } = work.ctx;
    let surroundings = mounts::prepare(work, &failed.run, shown, &mounts::Keyed::new())?;
    let stack = stack(&work.ctx, &failed.files())?;
    let (layers, snapshots) = (work.shelf.stack_layers(&stack)?, snapshots.get()?);
    snapshots.ensure(&layers, &work.shelf.source(&stack), cancel)?;
    let draft = snapshots.prepare(&layers, rbuild_store::snapshot::Place::Temporary, cancel)?;
    let view = work.shelf.view(&stack)?;
    let mut container = container::plan(work, &failed.run, &draft, (&stack, &view), &surroundings)?;
    if matches!(stdio, Stdio::Terminal(_)) && !container.env.iter().any(|pair| pair.starts_with(b"TERM=")) {
        container.env.push(b"TERM=xterm".to_vec());
    }
    (container.argv, container.stdio) = (argv, stdio);
    Ok(executor.run(&container, output, cancel)?.exit)
}

fn files(stack: Stack) -> Value {
    Value::Files(stack, Made { layers: 0, created: None })
}

fn stack(ctx: &Ctx<'_>, layers: &[DiffId]) -> Result<Stack> {
    let found = layers.iter().map(|layer| {
        let gone = || rbuild_store::Error::Missing { what: "layer", subject: layer.to_string() };
        Ok(ctx.store.layers().known(layer)?.ok_or_else(gone)?)
    });
    Ok(Stack::of(found.collect::<Result<Vec<_>>>()?))
}

/// The step, as it stood in its graph.
fn vertex(failed: &Failed) -> Vertex {
    let place = Place {
        stage: String::new(),
        step: 0,
        steps: 0,
        text: failed.step.clone(),
        line: 0,
        span: Span::default(),
        words: Vec::new(),
        platform: failed.run.platform.clone(),
        cross: None,
        show_platform: false,
    };
    Vertex { op: Op::Run(failed.run.clone()), parent: None, inputs: Vec::new(), place, renewed: false }
}

//! Walks a graph: every vertex, inputs first, is keyed, looked up and, on a miss, executed. Knows no Dockerfile and no
//! output.

mod damage;
pub mod layer;
mod near;
pub mod owner;
pub mod place;
mod places;
pub mod schedule;
pub mod seen;
pub mod select;
mod step;

pub mod op;

pub use crate::request::RunLimits;
pub use step::Step;

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::events::{Event, StepId};
use crate::explain::Footing;
use crate::reach::Reach;
use crate::stack::{Shelf, Stack};
use crate::tree::Tree;
use rbuild_graph::{BuildGraph, Op, Vertex, VertexId, redact};
use rbuild_oci::{Descriptor, DiffId, ImageId, Timestamp};
use rbuild_runner::Confinement;
use rbuild_store::StoreWriter;
use rbuild_store::layer::Codec;
use schedule::Values;
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// What a vertex comes to.
#[derive(Clone)]
pub enum Value {
    /// A file system, and what this vertex did to it.
    Files(Stack, Made),
    /// A tree that only others read.
    Tree(Arc<dyn Tree>),
}

/// What one vertex did.
#[derive(Clone, Debug)]
pub struct Made {
    /// The number of layers it added on top.
    pub layers: usize,
    /// When; none for what was there before.
    pub created: Option<Timestamp>,
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Files(stack, made) => write!(f, "Files({}, {made:?})", stack.name()),
            Self::Tree(_) => f.write_str("Tree"),
        }
    }
}

impl Value {
    /// The file system; a tree that others read has none.
    pub fn stack(&self) -> Result<&Stack> {
        match self {
            Self::Files(stack, _) => Ok(stack),
            Self::Tree(_) => Err(Error::Step("a context cannot be built upon".to_owned())),
        }
    }
}

/// Opens a context by its name; none is the main one.
pub type OpenContext<'a> = dyn Fn(Option<&str>) -> Result<Arc<dyn Tree>> + Sync + 'a;

/// Keeps the image that ends with a vertex, whose value comes with the values of those before it; none where the vertex is
/// no step of an image.
pub type Identify<'a> = dyn Fn(VertexId, &Value, &Values<Value>) -> Result<Option<ImageId>> + Sync + 'a;

/// What a build is given besides its graph.
pub struct Inputs<'a> {
    /// Opens a context by its name; none is the main one.
    pub context: &'a OpenContext<'a>,
    /// Gets the layers of an image here.
    pub image: &'a (dyn Fn(&rbuild_graph::ImageOp, &Arrival<'_>) -> Result<Stack> + Sync),
    /// Reads a secret by its id; none where it was not given.
    pub secret: &'a (dyn Fn(&str) -> Result<Option<Vec<u8>>> + Sync),
    /// The socket of an ssh agent by its id.
    pub ssh: &'a (dyn Fn(&str) -> Option<std::path::PathBuf> + Sync),
    /// Told of every vertex that is done.
    pub identify: &'a Identify<'a>,
    /// Asked before any work is done, by every step that has some; may refuse, naming the place itself.
    pub begin: &'a (dyn Fn() -> Result<()> + Sync),
    /// What tells this project's steps from those of others.
    pub project: &'a str,
    /// Whether every step runs again.
    pub no_cache: bool,
    /// Whether the state in which a RUN fails is kept.
    pub keep_failed: bool,
    /// What a process may use.
    pub limits: &'a RunLimits,
    /// What confines a process in the sandbox, once the first one has made it.
    pub confinement: OnceLock<Confinement>,
    /// Later times in layers become this.
    pub clamp: Option<i64>,
    /// What the layers of images will be asked for as compressed by.
    pub codecs: &'a [Codec],
    /// Steps that may run at once.
    pub jobs: usize,
}

/// Who wants to know of a base image on its way here.
#[derive(Clone, Copy)]
pub struct Arrival<'a> {
    /// Called before the first layer is read, where any has to be; may refuse.
    pub begin: &'a dyn Fn() -> Result<()>,
    /// Told of a layer that comes later, once something reads it, and whether that is news.
    pub later: &'a dyn Fn(&DiffId, bool),
    /// Told how many bytes of a layer were read so far, from several threads.
    pub moved: &'a (dyn Fn(&Descriptor, u64) + Sync),
}

/// Everything one vertex is solved with.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// The world.
    pub ctx: Ctx<'a>,
    /// The indexes of layers.
    pub shelf: &'a Shelf<'a>,
    /// What the build is given.
    pub inputs: &'a Inputs<'a>,
    /// The vertex.
    pub vertex: &'a Vertex,
    /// Its number for people.
    pub step: StepId,
    /// What it stands on.
    pub footing: Footing<'a>,
    /// What its layer will be asked for as compressed by.
    pub codecs: &'a [Codec],
}

impl Work<'_> {
    /// A writer of the step's layer.
    pub fn writer(&self) -> Result<StoreWriter> {
        Ok(self.ctx.store.layers().writer_for(self.codecs, self.inputs.clamp, self.ctx.cancel)?)
    }

    /// What it takes to bring something here for this step, whose line is `name`.
    pub fn reach<'b>(&'b self, name: &'b str) -> Reach<'b> {
        let Ctx { store, cache, network, events, cancel, clock, wrote, .. } = self.ctx;
        let Inputs { secret, ssh, begin, .. } = *self.inputs;
        let step = self.step;
        Reach { store, cache, network, events, cancel, clock, wrote, secret, agent: ssh, ready: begin, step, name }
    }
}

/// Solves all vertices of a graph.
pub fn solve(ctx: Ctx<'_>, shelf: &Shelf<'_>, graph: &BuildGraph, inputs: &Inputs<'_>) -> Result<Values<Value>> {
    let (numbers, images) = (numbers(graph), in_images(graph));
    let footings = footings(graph, &numbers);
    schedule::run(graph, inputs.jobs, ctx.cancel, &|id, values| {
        let Some(vertex) = graph.vertex(id) else {
            return Err(Error::Step(format!("the graph has no vertex {id}")));
        };
        let (ctx, codecs) =
            if images.contains(&id) { (ctx, inputs.codecs) } else { (Ctx { cache: ctx.aside, ..ctx }, &[][..]) };
        let (step, footing) = (numbers[id.index()], footings[id.index()]);
        let work = Work { ctx, shelf, inputs, vertex, step, footing, codecs };
        one(&work, id, values).map_err(|error| at(&ctx, vertex, error))
    })
}

/// The numbers of vertices for people: those that are never shown take none.
fn numbers(graph: &BuildGraph) -> Vec<StepId> {
    let mut last = 0;
    let number = |vertex: &Vertex| {
        last += usize::from(!matches!(vertex.op, Op::Context(_) | Op::Merge));
        StepId(last)
    };
    graph.vertices.iter().map(number).collect()
}

/// The vertices whose layers are in the images of the request.
fn in_images(graph: &BuildGraph) -> BTreeSet<VertexId> {
    let mut todo: Vec<VertexId> = graph.targets.iter().filter_map(|target| target.result).collect();
    let mut found = BTreeSet::new();
    while let Some(id) = todo.pop() {
        if let Some(vertex) = graph.vertex(id).filter(|_| found.insert(id)) {
            todo.extend(vertex.parent);
            todo.extend(vertex.inputs.iter().filter(|_| vertex.op == Op::Merge));
        }
    }
    found
}

/// What each vertex stands on; inputs come before their users.
fn footings<'g>(graph: &'g BuildGraph, numbers: &[StepId]) -> Vec<Footing<'g>> {
    let mut footings: Vec<Footing<'g>> = Vec::new();
    for vertex in &graph.vertices {
        let parent =
            vertex.parent.map(|id| (footings[id.index()], &graph.vertices[id.index()].op, numbers[id.index()]));
        let (base, below) = match (parent, &vertex.op) {
            (Some((_, Op::Image(image), _)), _) | (None, Op::Image(image)) => (Some(image), None),
            (Some((footing, _, number)), _) => (footing.base, Some(number.0)),
            (None, _) => (None, None),
        };
        footings.push(Footing { base, below, graph: Some(graph) });
    }
    footings
}

fn at(ctx: &Ctx<'_>, vertex: &Vertex, source: Error) -> Error {
    match source {
        Error::NeedsNamespace | Error::At { .. } => source,
        _ if source.is_canceled() => source,
        _ => {
            let (step, hint) = (vertex.place.to_string(), where_it_is(ctx, &source));
            let span = source.subject().map_or(vertex.place.span, |name| vertex.place.span_of(name));
            Error::At { step, span, hint, source: Box::new(source) }
        }
    }
}

/// The place that a refusal of the store is about, whose files have names of an image.
fn where_it_is(ctx: &Ctx<'_>, error: &Error) -> Option<String> {
    let Error::Store(error) = error else { return None };
    let (root, said) = (ctx.store.root().display().to_string(), error.to_string());
    error.hint().filter(|_| !said.contains(&root)).map(|_| format!("this is in the store, {root}"))
}

fn one(work: &Work<'_>, id: VertexId, values: &Values<Value>) -> Result<Value> {
    let parent = match work.vertex.parent {
        Some(id) => value(values, id)?.stack()?.clone(),
        None => Stack::default(),
    };
    let inputs = work.vertex.inputs.iter().map(|id| value(values, *id)).collect::<Result<Vec<_>>>()?;
    let began = Instant::now();
    let result = dispatch(work, &parent, &inputs).and_then(|(value, shown)| {
        let image = (work.inputs.identify)(id, &value, values)?;
        Ok((value, shown, image))
    });
    let events = work.ctx.events;
    match &result {
        Ok((_, Shown::Cached, image)) => {
            let name = work.vertex.place.to_string();
            events.send(&Event::Cached { step: work.step, name: &name, image: *image });
        }
        Ok((_, Shown::Done, image)) => {
            events.send(&Event::Done { step: work.step, took: began.elapsed(), image: *image });
        }
        Ok((_, Shown::Silent, Some(image))) => events.send(&Event::Image { step: work.step, image: *image }),
        Ok((_, Shown::Silent, None)) | Err(Error::NeedsNamespace | Error::At { .. }) => {}
        Err(error) if error.is_canceled() || error.is_lost() => events.send(&Event::Canceled { step: work.step }),
        Err(error) => {
            let (name, error) = (work.vertex.place.to_string(), redact(&error.to_string()));
            events.send(&Event::Failed { step: work.step, name: &name, error: &error });
        }
    }
    result.map(|(value, ..)| value)
}

fn value(values: &Values<Value>, id: VertexId) -> Result<&Value> {
    values.get(id).ok_or_else(|| Error::Step(format!("the input {id} is not there")))
}

/// How the end of a vertex is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Its result was in the cache.
    Cached,
    /// It was done now; its start was told before.
    Done,
    /// Not at all: it is nothing that a user asked for by a line.
    Silent,
}

fn dispatch(work: &Work<'_>, parent: &Stack, inputs: &[&Value]) -> Result<(Value, Shown)> {
    match &work.vertex.op {
        Op::Image(image) => op::image::solve(work, image),
        Op::Context(context) => op::context::solve(work, context),
        Op::Fetch(fetch) => op::fetch::solve(work, fetch),
        Op::Git(git) => op::git::solve(work, git),
        Op::Copy(copy) => op::copy::solve(work, copy, parent, inputs),
        Op::Run(run) => op::run::solve(work, run, parent, inputs),
        Op::Mkdir(mkdir) => op::mkdir::solve(work, mkdir, parent),
        Op::Merge => op::merge::solve(parent, inputs),
    }
}

//! The image that ends with each step of a build, also of stages that are in no image of the request, so that any of them
//! can be run by its id. Knows no step's work.

use crate::assemble::ending_with;
use crate::error::Result;
use crate::solve::schedule::Values;
use crate::solve::{Made, Value};
use crate::stack::{Stack, Storey};
use rbuild_graph::{BuildGraph, Op, Origin, Place, Target, VertexId};
use rbuild_oci::ImageId;
use rbuild_store::Store;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a step made.
#[derive(Clone, Debug)]
pub struct StepMade {
    /// Where the Dockerfile asks for it.
    pub place: Place,
    /// Whether it is an image that was there before.
    pub is_base: bool,
    /// The files after it.
    pub stack: Stack,
    /// How many layers of those are its own, on top.
    pub count: usize,
}

impl StepMade {
    /// Its own layers, lowest first.
    pub fn own(&self) -> &[Arc<Storey>] {
        let storeys = self.stack.storeys();
        &storeys[storeys.len().saturating_sub(self.count)..]
    }
}

/// What the steps of a graph came to.
pub(super) fn made(graph: &BuildGraph, values: &Values<Value>) -> Vec<StepMade> {
    let of = |(id, vertex): (VertexId, &rbuild_graph::Vertex)| match values.get(id)? {
        Value::Files(stack, made) => {
            let (place, is_base) = (vertex.place.clone(), matches!(vertex.op, Op::Image(_)));
            Some(StepMade { place, is_base, stack: stack.clone(), count: made.layers })
        }
        Value::Tree(_) => None,
    };
    graph.iter().filter_map(of).collect()
}

/// Which lines of which stage end with a vertex.
pub(super) struct Steps<'a> {
    store: &'a Store,
    places: BTreeMap<VertexId, (&'a Target, usize)>,
}

impl<'a> Steps<'a> {
    /// The steps of a graph. Of a step that several stages have, the one nearest to the images of the request counts.
    pub(super) fn of(graph: &'a BuildGraph, store: &'a Store) -> Self {
        let mut places = BTreeMap::new();
        for target in graph.targets.iter().chain(&graph.stages) {
            let based = target.history.iter().take_while(|row| row.origin == Origin::Base).count();
            if let Some(base) = base(graph, target) {
                places.entry(base).or_insert((target, based));
            }
            for (at, row) in target.history.iter().enumerate() {
                if let Origin::Layer(vertex) = row.origin {
                    places.entry(vertex).or_insert((target, at + 1));
                }
            }
        }
        Self { store, places }
    }

    /// Keeps the configuration of the image that ends with a vertex, and gives its id.
    pub(super) fn keep(&self, id: VertexId, value: &Value, values: &Values<Value>) -> Result<Option<ImageId>> {
        let (Some((target, count)), Value::Files(stack, own)) = (self.places.get(&id), value) else { return Ok(None) };
        let outcomes = |vertex: VertexId| -> Option<Made> {
            match values.get(vertex)? {
                Value::Files(_, made) => Some(made.clone()),
                Value::Tree(_) => None,
            }
        };
        let made = |vertex| if vertex == id { Some(own.clone()) } else { outcomes(vertex) };
        let Some(image) = ending_with(target, *count, stack.storeys(), &made)? else { return Ok(None) };
        self.store.put_document(&image.config_bytes)?;
        Ok(Some(image.id))
    }
}

/// The image that a stage begins with.
fn base(graph: &BuildGraph, target: &Target) -> Option<VertexId> {
    let mut id = target.result?;
    loop {
        let vertex = graph.vertex(id)?;
        match vertex.parent {
            Some(parent) => id = parent,
            None => return matches!(vertex.op, Op::Image(_)).then_some(id),
        }
    }
}

//! The list of vertices as it grows; equal ones are one. Knows nothing of stages.

use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Place, Vertex, VertexId};
use crate::op::{Input, Op};
use std::collections::BTreeMap;

/// Vertices and the way from what they are to where they are.
#[derive(Default)]
pub(super) struct Vertices {
    list: Vec<Vertex>,
    known: BTreeMap<Shape, VertexId>,
}

/// What makes two vertices the same: operation, parent, inputs.
type Shape = (Op, Option<VertexId>, Vec<VertexId>);

impl Vertices {
    /// The vertex of that shape, new or known; a known one keeps its place.
    pub(super) fn add(&mut self, op: Op, parent: Option<VertexId>, inputs: Inputs, place: Place) -> Result<VertexId> {
        let shape = (op, parent, inputs.0);
        if let Some(id) = self.known.get(&shape) {
            return Ok(*id);
        }
        let next = u32::try_from(self.list.len());
        let id = VertexId(next.map_err(|_| Error::at(place.span, ErrorKind::TooManyVertices))?);
        let (op, parent, inputs) = shape.clone();
        self.list.push(Vertex { op, parent, inputs, place, renewed: false });
        self.known.insert(shape, id);
        Ok(id)
    }

    /// Has a vertex done again although its result may be known.
    pub(super) fn renew(&mut self, id: VertexId) {
        if let Some(vertex) = self.list.get_mut(id.index()) {
            vertex.renewed = true;
        }
    }

    /// All of them, inputs before users.
    pub(super) fn into_list(self) -> Vec<Vertex> {
        self.list
    }
}

/// The inputs of a vertex to be, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct Inputs(Vec<VertexId>);

impl Inputs {
    /// No inputs.
    pub(super) const fn none() -> Self {
        Self(Vec::new())
    }

    /// One input and its place.
    pub(super) fn one(id: VertexId) -> (Self, Input) {
        (Self(vec![id]), Input(0))
    }

    /// The place of an input, which is added where it is new.
    pub(super) fn place_of(&mut self, id: VertexId) -> Input {
        let at = self.0.iter().position(|known| *known == id).unwrap_or_else(|| {
            self.0.push(id);
            self.0.len() - 1
        });
        Input(at as u32)
    }
}

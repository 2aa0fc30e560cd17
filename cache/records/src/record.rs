//! What is remembered of a step: the layer it made, when, and from what. Holds no path of any machine.

use crate::key::{CacheKey, Recipe};
use rbuild_oci::{ChainId, Digest, Timestamp};
use rbuild_store::layer::LayerRef;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The result of a step, found by the key of its recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// What the step was made from; its key is where the record lies.
    pub recipe: Recipe,
    /// The stack the step started on; none for an empty one.
    pub parent: Option<ChainId>,
    /// What it made.
    pub output: Output,
    /// When it was made: what the history of an image shows, also on a later hit.
    pub created: Timestamp,
}

/// What a step left behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// Nothing changed: no layer.
    Unchanged,
    /// A layer on top of the parent.
    Layer {
        /// The layer.
        layer: LayerRef,
        /// The layer's digest with the times of its making left out, by which a re-run with the same result is known.
        timeless: Digest,
    },
    /// A pinned answer to a question about the outside, such as the body of a URL or the commit of a branch.
    Pinned {
        /// The digest of what was found.
        digest: Digest,
        /// What else was said of it, by name: sizes, times, and how to ask whether the answer still holds.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        details: BTreeMap<String, String>,
    },
}

impl Record {
    /// The key under which the record lies.
    pub fn key(&self) -> CacheKey {
        self.recipe.key()
    }

    /// The stack after the step; none for an empty one.
    pub fn chain(&self) -> Option<ChainId> {
        match &self.output {
            Output::Layer { layer, .. } => Some(ChainId::extend(self.parent.as_ref(), &layer.diff_id)),
            Output::Unchanged | Output::Pinned { .. } => self.parent,
        }
    }
}

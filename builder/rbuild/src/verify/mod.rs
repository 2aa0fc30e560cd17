//! Whether a build gives the same bytes twice, and if not, which step and which file is to blame. Compares what two builds
//! came to; builds nothing itself.
//!
//! The two builds share base images, downloads and repositories, and no result of a step ([`Afresh`]) and no
//! cache mount ([`Apart`]). Steps are compared
//! in the order in which their inputs come first, those of all stages, so the first that differs is where it begins.

mod afresh;
mod apart;
mod clear;
mod difference;
mod documents;
mod layers;
mod show;

pub use afresh::Afresh;
pub use apart::Apart;
pub use clear::{Trace, clear};
pub use difference::{Difference, What};
pub use show::{json, text};

use crate::build::{Built, StepMade};
use crate::error::Result;
use rbuild_store::Store;

/// What came of two builds.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// How many steps were compared.
    pub steps: usize,
    /// Everything in which the second differs, step by step.
    pub differences: Vec<Difference>,
    /// Whether a time was given that later ones became.
    pub clamped: bool,
    /// The digests of what they came to: of the manifest or index.
    pub digests: [rbuild_oci::Digest; 2],
}

impl Verdict {
    /// Whether the two are equal to the last byte.
    pub fn is_same(&self) -> bool {
        self.digests[0] == self.digests[1] && self.differences.is_empty()
    }

    /// Whether they differ in nothing but times.
    pub fn is_times_only(&self) -> bool {
        !self.differences.is_empty() && self.differences.iter().all(|difference| difference.what == What::Time)
    }
}

/// Compares two builds of one request whose layers are in the store.
pub fn compare(store: &Store, first: &Built, second: &Built) -> Result<Verdict> {
    let mut differences = Vec::new();
    for (one, other) in first.steps.iter().zip(&second.steps) {
        if one.place.text != other.place.text {
            let steps = Difference::new(What::Steps, "the steps", &one.place, &other.place);
            differences.push(steps);
            break;
        }
        differences.extend(step(store, one, other)?.into_iter().map(|difference| Difference {
            step: Some(one.place.to_string()),
            line: Some(one.place.line),
            ..difference
        }));
    }
    if first.steps.len() != second.steps.len() {
        let count = |built: &Built| format!("{} steps", built.steps.len());
        differences.push(Difference::new(What::Steps, "the steps", count(first), count(second)));
    }
    for ((one, _), (other, _)) in first.images.iter().zip(&second.images) {
        let [one, other] = [one, other].map(|image| serde_json::from_slice(&image.config_bytes).unwrap_or_default());
        differences.extend(documents::compare(&one, &other));
    }
    let (steps, digests) = (first.steps.len(), [first.top.digest, second.top.digest]);
    Ok(Verdict { steps, differences, clamped: first.clamp.is_some(), digests })
}

/// In what a step differs from itself.
fn step(store: &Store, first: &StepMade, second: &StepMade) -> Result<Vec<Difference>> {
    let (a, b) = (first.own(), second.own());
    if first.is_base || a.len() != b.len() {
        let name = |made: &StepMade| made.stack.name();
        let same = first.stack.diff_ids() == second.stack.diff_ids();
        let what = || Difference::new(What::Steps, "the layers", name(first), name(second));
        return Ok(if same { Vec::new() } else { vec![what()] });
    }
    let mut found = Vec::new();
    for (one, other) in a.iter().zip(b) {
        found.extend(layers::compare(store, &one.layer.diff_id, &other.layer.diff_id)?);
    }
    Ok(found)
}

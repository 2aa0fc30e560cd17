//! Notes what became of each step, for the table at the end of a build and for whoever asks later. Knows no file.

use super::{Event, Sink, StepId};
use crate::explain::{Noted, Outcome};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The sink that notes it.
#[derive(Debug, Default)]
pub struct Diarist(Mutex<BTreeMap<StepId, Noted>>);

impl Diarist {
    /// What became of the steps so far, by their numbers.
    pub fn steps(&self) -> Vec<Noted> {
        let steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        steps.values().filter(|noted| !noted.name.is_empty()).cloned().collect()
    }

    fn note(&self, step: StepId, what: impl FnOnce(&mut Noted)) {
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        what(steps.entry(step).or_insert_with(|| Noted::new(step.0)));
    }
}

impl Sink for Arc<Diarist> {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Keyed { step, names, key } => self.note(*step, |noted| {
                (noted.names, noted.key) = (Some(**names), Some(*key));
            }),
            Event::Started { step, name } => self.note(*step, |noted| (*name).clone_into(&mut noted.name)),
            Event::Missed { step, why } => self.note(*step, |noted| noted.why = Some((*why).clone())),
            Event::Cached { step, name, image } => self.note(*step, |noted| {
                (*name).clone_into(&mut noted.name);
                (noted.outcome, noted.image) = (Outcome::Cached, *image);
            }),
            Event::Done { step, took, image } => self.note(*step, |noted| {
                (noted.outcome, noted.image, noted.seconds) = (Outcome::Ran, *image, Some(took.as_secs_f64()));
            }),
            Event::Failed { step, name, .. } => self.note(*step, |noted| {
                (*name).clone_into(&mut noted.name);
                noted.outcome = Outcome::Failed;
            }),
            Event::Image { .. }
            | Event::Output { .. }
            | Event::Progress { .. }
            | Event::Kept(_)
            | Event::Canceled { .. }
            | Event::Warning(_)
            | Event::Note(_)
            | Event::Findings { .. } => {}
        }
    }
}

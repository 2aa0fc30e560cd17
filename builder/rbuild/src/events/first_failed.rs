//! Keeps the state of the first RUN that failed, for whoever wants to look into it when the build is over.

use super::{Event, Sink};
use crate::failed::Failed;
use std::sync::{Arc, Mutex, PoisonError};

/// The sink that holds it.
#[derive(Debug, Default)]
pub struct FirstFailed(Mutex<Option<Failed>>);

impl FirstFailed {
    /// What it holds.
    pub fn take(&self) -> Option<Failed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Sink for Arc<FirstFailed> {
    fn event(&self, event: &Event<'_>) {
        if let Event::Kept(failed) = event {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| (*failed).clone());
        }
    }
}

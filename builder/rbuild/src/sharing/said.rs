//! What caches have to say, from whichever thread, until somebody listens. Knows no cache.

use crate::events::Events;
use std::sync::{Arc, Mutex, PoisonError};

/// Warnings that wait to be told. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Said(Arc<Mutex<Vec<String>>>);

impl Said {
    /// Adds a warning; one that waits already is not added again.
    pub fn say(&self, text: &str) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.iter().any(|known| known == text) {
            waiting.push(text.to_owned());
        }
    }

    /// What waits, which is no more said.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells what waits.
    pub fn tell(&self, events: &Events) {
        for text in self.take() {
            events.warning(&text);
        }
    }
}

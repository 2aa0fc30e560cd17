//! Keeps events until it is known whether anybody should see them: an ordinary user's first attempt, which may have to
//! start again elsewhere.

use super::{Event, Events, Sink, StepId, Stream};
use dockerfile_parser::lint::Finding;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Keeps what an attempt that executes nothing can say.
#[derive(Debug, Default)]
pub struct Held {
    kept: Mutex<Vec<Kept>>,
}

#[derive(Debug)]
enum Kept {
    Started(StepId, String),
    Output(StepId, Stream, Vec<u8>),
    Done(StepId, Duration),
    Cached(StepId, String),
    Failed(StepId, String, String),
    Canceled(StepId),
    Warning(String),
    Note(String),
    Findings(String, Vec<Finding>),
}

impl Held {
    /// Sends on everything that was kept.
    pub fn release(&self, events: &Events) {
        for kept in self.kept.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            match &kept {
                Kept::Started(step, name) => events.send(&Event::Started { step: *step, name }),
                Kept::Output(step, stream, bytes) => {
                    events.send(&Event::Output { step: *step, stream: *stream, bytes });
                }
                Kept::Done(step, took) => events.send(&Event::Done { step: *step, took: *took }),
                Kept::Cached(step, name) => events.send(&Event::Cached { step: *step, name }),
                Kept::Failed(step, name, error) => events.send(&Event::Failed { step: *step, name, error }),
                Kept::Canceled(step) => events.send(&Event::Canceled { step: *step }),
                Kept::Warning(text) => events.warning(text),
                Kept::Note(text) => events.note(text),
                Kept::Findings(file, findings) => events.send(&Event::Findings { file, findings }),
            }
        }
    }
}

impl Sink for Arc<Held> {
    fn event(&self, event: &Event<'_>) {
        let kept = match event {
            Event::Cached { step, name } => Kept::Cached(*step, (*name).to_owned()),
            Event::Failed { step, name, error } => Kept::Failed(*step, (*name).to_owned(), (*error).to_owned()),
            Event::Warning(text) => Kept::Warning((*text).to_owned()),
            Event::Note(text) => Kept::Note((*text).to_owned()),
            Event::Findings { file, findings } => Kept::Findings((*file).to_owned(), findings.to_vec()),
            Event::Started { step, name } => Kept::Started(*step, (*name).to_owned()),
            Event::Output { step, stream, bytes } => Kept::Output(*step, *stream, bytes.to_vec()),
            Event::Done { step, took } => Kept::Done(*step, *took),
            Event::Canceled { step } => Kept::Canceled(*step),
            Event::Progress { .. } => return,
        };
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
    }
}

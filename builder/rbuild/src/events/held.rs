//! Keeps events until it is known whether anybody should see them: an ordinary user's first attempt, which may have to
//! start again elsewhere.

use super::{Event, Events, Sink, StepId, Stream};
use crate::explain::Why;
use dockerfile_parser::lint::Finding;
use rbuild_oci::ImageId;
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
    Missed(StepId, Why),
    Output(StepId, Stream, Vec<u8>),
    Done(StepId, Duration, Option<ImageId>),
    Cached(StepId, String, Option<ImageId>),
    Image(StepId, ImageId),
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
                Kept::Missed(step, why) => events.send(&Event::Missed { step: *step, why }),
                Kept::Output(step, stream, bytes) => {
                    events.send(&Event::Output { step: *step, stream: *stream, bytes });
                }
                Kept::Done(step, took, image) => {
                    events.send(&Event::Done { step: *step, took: *took, image: *image });
                }
                Kept::Cached(step, name, image) => {
                    events.send(&Event::Cached { step: *step, name, image: *image });
                }
                Kept::Image(step, image) => events.send(&Event::Image { step: *step, image: *image }),
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
            Event::Cached { step, name, image } => Kept::Cached(*step, (*name).to_owned(), *image),
            Event::Failed { step, name, error } => Kept::Failed(*step, (*name).to_owned(), (*error).to_owned()),
            Event::Warning(text) => Kept::Warning((*text).to_owned()),
            Event::Note(text) => Kept::Note((*text).to_owned()),
            Event::Findings { file, findings } => Kept::Findings((*file).to_owned(), findings.to_vec()),
            Event::Started { step, name } => Kept::Started(*step, (*name).to_owned()),
            Event::Missed { step, why } => Kept::Missed(*step, (*why).clone()),
            Event::Output { step, stream, bytes } => Kept::Output(*step, *stream, bytes.to_vec()),
            Event::Done { step, took, image } => Kept::Done(*step, *took, *image),
            Event::Canceled { step } => Kept::Canceled(*step),
            Event::Image { step, image } => Kept::Image(*step, *image),
            // Nothing is executed there, and whoever wants keys is told of them at once.
            Event::Progress { .. } | Event::Kept(_) | Event::Keyed { .. } => return,
        };
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
    }
}

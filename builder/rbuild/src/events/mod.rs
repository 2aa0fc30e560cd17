//! One typed stream of what a build does, and the sinks that show or keep it. Knows no step's inner working.

mod diarist;
mod first_failed;
mod held;
mod log_file;
mod plain;
mod rawjson;
mod summary;
mod tty;

pub use diarist::Diarist;
pub use first_failed::FirstFailed;
pub use held::Held;
pub use log_file::LogFile;
pub use plain::Plain;
pub use rawjson::RawJson;
pub use tty::Tty;

use crate::explain::Why;
use crate::failed::Failed;
use dockerfile_parser::lint::Finding;
use rbuild_oci::{DiffId, ImageId};
use rbuild_records::{CacheKey, StepName};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A step of the build as people see it: `#4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepId(pub usize);

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Where a step's process wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A step begins; the name is what the line says, as in `[builder 2/5] RUN make`.
    Started {
        /// Which step.
        step: StepId,
        /// Its line.
        name: &'a str,
    },
    /// A step is looked for under a key; one that has several is told of with each, as far as they are tried.
    Keyed {
        /// Which step.
        step: StepId,
        /// What it is called among earlier results.
        names: &'a [StepName; 2],
        /// The key.
        key: CacheKey,
    },
    /// A step that began was not found in the cache.
    Missed {
        /// Which step.
        step: StepId,
        /// Why.
        why: &'a Why,
    },
    /// A step's process wrote something.
    Output {
        /// Which step.
        step: StepId,
        /// To which stream.
        stream: Stream,
        /// The bytes, as they came.
        bytes: &'a [u8],
    },
    /// A step moves on in something that takes long.
    Progress {
        /// Which step.
        step: StepId,
        /// What is moved, as in a layer's short digest.
        what: &'a str,
        /// Bytes done.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// A step's result was in the cache.
    Cached {
        /// Which step.
        step: StepId,
        /// Its line.
        name: &'a str,
        /// The image that ends with it, where it is a step of one.
        image: Option<ImageId>,
    },
    /// A step is done.
    Done {
        /// Which step.
        step: StepId,
        /// How long it took.
        took: Duration,
        /// The image that ends with it, where it is a step of one.
        image: Option<ImageId>,
    },
    /// The image that ends with a step which was told of before is known now.
    Image {
        /// Which step.
        step: StepId,
        /// The image.
        image: ImageId,
    },
    /// The state in which a step failed, for who wants to look at it.
    Kept(&'a Failed),
    /// A step was stopped, because another failed or the user asked for it.
    Canceled {
        /// Which step.
        step: StepId,
    },
    /// A step failed.
    Failed {
        /// Which step.
        step: StepId,
        /// Its line.
        name: &'a str,
        /// Why, in one line.
        error: &'a str,
    },
    /// Something the user should know that is no failure.
    Warning(&'a str),
    /// Something worth a line.
    Note(&'a str),
    /// What a linter found, once the build has ended.
    Findings {
        /// The name of the Dockerfile.
        file: &'a str,
        /// At least one, in the order of the file.
        findings: &'a [Finding],
    },
}

/// A taker of events; called from several threads at once.
pub trait Sink: Send + Sync {
    /// Takes in one event. A sink that cannot write says so on its own; it never fails a build.
    fn event(&self, event: &Event<'_>);
}

/// All sinks of a build.
#[derive(Default)]
pub struct Events {
    sinks: Vec<Box<dyn Sink>>,
    /// The steps that layers belong to which are not here yet.
    expected: Mutex<BTreeMap<DiffId, (StepId, String)>>,
}

impl Events {
    /// Hands every event to each of these, in order.
    pub fn new(sinks: Vec<Box<dyn Sink>>) -> Self {
        Self { sinks, expected: Mutex::default() }
    }

    /// The same and one more.
    #[must_use]
    pub fn and(mut self, sink: Box<dyn Sink>) -> Self {
        self.sinks.push(sink);
        self
    }

    /// Sends an event to all sinks.
    pub fn send(&self, event: &Event<'_>) {
        for sink in &self.sinks {
            sink.event(event);
        }
    }

    /// A layer that may come later belongs to that step, whose line is `name`.
    pub fn expect(&self, layer: &DiffId, step: StepId, name: &str) {
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        expected.insert(*layer, (step, name.to_owned()));
    }

    /// The step that a layer belongs to which comes now, and its line; none where nobody said.
    pub fn expected(&self, layer: &DiffId) -> Option<(StepId, String)> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).get(layer).cloned()
    }

    /// Sends a note.
    pub fn note(&self, text: &str) {
        self.send(&Event::Note(text));
    }

    /// Sends a warning.
    pub fn warning(&self, text: &str) {
        self.send(&Event::Warning(text));
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Events({} sinks)", self.sinks.len())
    }
}

/// Splits a stream of bytes into whole lines, keeping what has no end yet.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Hands each line that `bytes` completes to `take`, without its end.
    pub(crate) fn push(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8])) {
        self.rest.extend_from_slice(bytes);
        let mut start = 0;
        while let Some(length) = self.rest[start..].iter().position(|byte| *byte == b'\n') {
            let line = &self.rest[start..start + length];
            take(line.strip_suffix(b"\r").unwrap_or(line));
            start += length + 1;
        }
        self.rest.drain(..start);
    }

    /// What is left without a line end.
    pub(crate) fn finish(&mut self) -> Option<Vec<u8>> {
        (!self.rest.is_empty()).then(|| std::mem::take(&mut self.rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_across_writes() {
        let (mut lines, mut seen) = (Lines::default(), Vec::new());
        for piece in [&b"a\nb"[..], b"c\r\n", b"", b"d"] {
            lines.push(piece, |line| seen.push(line.to_vec()));
        }
        assert_eq!(seen, [b"a".to_vec(), b"bc".to_vec()]);
        assert_eq!(lines.finish(), Some(b"d".to_vec()));
    }
}

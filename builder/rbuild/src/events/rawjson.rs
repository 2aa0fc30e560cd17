//! The machine's sink: one JSON object a line. Output bytes that are not UTF-8 are replaced; the log on disk has them.

use super::{Event, Sink, Stream};
use dockerfile_parser::lint::Finding;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// Writes each event as one line of JSON with a field `event`.
#[derive(Debug)]
pub struct RawJson<W> {
    out: Mutex<W>,
}

impl<W: Write + Send> RawJson<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out: Mutex::new(out) }
    }
}

impl<W: Write + Send> Sink for RawJson<W> {
    fn event(&self, event: &Event<'_>) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // A closed pipe must not fail the build.
        drop(writeln!(out, "{}", value(event)));
    }
}

fn value(event: &Event<'_>) -> Value {
    match event {
        Event::Started { step, name } => json!({"event": "started", "step": step.0, "name": name}),
        Event::Output { step, stream, bytes } => json!({
            "event": "output", "step": step.0,
            "stream": match stream { Stream::Stdout => "stdout", Stream::Stderr => "stderr" },
            "data": String::from_utf8_lossy(bytes),
        }),
        Event::Progress { step, what, done, total } => {
            json!({"event": "progress", "step": step.0, "what": what, "done": done, "total": total})
        }
        Event::Cached { step, name, image } => {
            json!({"event": "cached", "step": step.0, "name": name, "image": image})
        }
        Event::Done { step, took, image } => {
            json!({"event": "done", "step": step.0, "seconds": took.as_secs_f64(), "image": image})
        }
        Event::Image { step, image } => json!({"event": "image", "step": step.0, "image": image}),
        Event::Kept(failed) => json!({"event": "kept", "name": failed.step, "outcome": failed.outcome}),
        Event::Canceled { step } => json!({"event": "canceled", "step": step.0}),
        Event::Failed { step, name, error } => {
            json!({"event": "failed", "step": step.0, "name": name, "error": error})
        }
        Event::Warning(text) => json!({"event": "warning", "text": text}),
        Event::Note(text) => json!({"event": "note", "text": text}),
        Event::Findings { file, findings } => {
            json!({"event": "warnings", "file": file, "findings": findings.iter().map(finding).collect::<Vec<_>>()})
        }
    }
}

/// A finding with all that is known of its rule.
fn finding(finding: &Finding) -> Value {
    let (rule, place) = (finding.rule, finding.place);
    json!({
        "rule": rule.name, "text": finding.message, "description": rule.about, "url": rule.url(), "fix": rule.fix,
        "first_line": place.map(|place| place.first_line), "last_line": place.map(|place| place.last_line),
    })
}

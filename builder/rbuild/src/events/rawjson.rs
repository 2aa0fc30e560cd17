//! The machine's sink: one JSON object a line, each a `SolveStatus` as BuildKit streams it for `--progress rawjson`:
//! `vertexes`, `statuses`, `logs` and `warnings`. What BuildKit has no field for stands in a field `rbuild`, of the vertex or
//! of the line: the step's number, the image that ends with it, why it was not cached, notes. Knows no terminal.

use super::{Event, Sink, StepId, Stream};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dockerfile_parser::lint::Finding;
use rbuild_oci::{Digest, ImageId, Timestamp};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Writes what happens as lines of JSON. The data of logs is whole, in base64.
#[derive(Debug)]
pub struct RawJson<W> {
    state: Mutex<State<W>>,
}

#[derive(Debug)]
struct State<W> {
    out: W,
    steps: BTreeMap<StepId, Step>,
}

/// A step that began.
#[derive(Debug)]
struct Step {
    name: String,
    started: String,
}

impl<W: Write + Send> RawJson<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { state: Mutex::new(State { out, steps: BTreeMap::new() }) }
    }
}

impl<W: Write + Send> Sink for RawJson<W> {
    fn event(&self, event: &Event<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = state.line(event, now()) {
            // A closed pipe must not fail the build.
            drop(writeln!(state.out, "{line}"));
        }
    }
}

fn now() -> String {
    Timestamp::from(SystemTime::now()).to_string()
}

impl<W> State<W> {
    /// The line of an event that happens at that time; none of one that says nothing to others.
    fn line(&mut self, event: &Event<'_>, now: String) -> Option<Value> {
        Some(match event {
            Event::Keyed { .. } => return None,
            Event::Started { step, name } => {
                let name = (*name).to_owned();
                self.steps.insert(*step, Step { name, started: now });
                self.vertex(*step, &[], None)
            }
            Event::Missed { step, why } => {
                let vertex = self.digest(*step);
                json!({"rbuild": {"step": step.0, "vertex": vertex, "why": why, "text": why.to_string()}})
            }
            Event::Output { step, stream, bytes } => {
                let stream = match stream {
                    Stream::Stdout => 1,
                    Stream::Stderr => 2,
                };
                let (vertex, data) = (self.digest(*step), STANDARD.encode(bytes));
                json!({"logs": [{"vertex": vertex, "stream": stream, "data": data, "timestamp": now}]})
            }
            Event::Progress { step, what, done, total } => self.status(*step, what, (*done, *total), &now),
            Event::Cached { step, name, image } => {
                self.name(*step, name, &now);
                let line = self.vertex(*step, &[("completed", json!(now)), ("cached", json!(true))], *image);
                self.steps.remove(step);
                line
            }
            Event::Done { step, image, .. } => self.end(*step, &[("completed", json!(now))], *image),
            Event::Failed { step, name, error } => {
                self.name(*step, name, &now);
                self.end(*step, &[("completed", json!(now)), ("error", json!(error))], None)
            }
            Event::Canceled { step } if !self.steps.contains_key(step) => return None,
            Event::Canceled { step } => {
                self.end(*step, &[("completed", json!(now)), ("error", json!("context canceled"))], None)
            }
            Event::Image { step, image } => json!({"rbuild": {"step": step.0, "image": image}}),
            Event::Kept(failed) => json!({"rbuild": {"kept": failed.step, "outcome": failed.outcome}}),
            Event::Warning(text) => json!({"warnings": [{"level": 1, "short": STANDARD.encode(text)}]}),
            Event::Note(text) => json!({"rbuild": {"note": text}}),
            Event::Findings { file, findings } => {
                json!({"warnings": findings.iter().map(|found| finding(file, found)).collect::<Vec<_>>()})
            }
        })
    }

    /// Notes a step that ends without having begun.
    fn name(&mut self, step: StepId, name: &str, now: &str) {
        self.steps.entry(step).or_insert_with(|| Step { name: name.to_owned(), started: now.to_owned() });
    }

    /// A step is called by the digest of its line and number: equal in every build of the Dockerfile.
    fn digest(&self, step: StepId) -> Digest {
        let name = self.steps.get(&step).map(|known| &*known.name).unwrap_or_default();
        Digest::of(format!("{step} {name}").as_bytes())
    }

    fn end(&mut self, step: StepId, more: &[(&str, Value)], image: Option<ImageId>) -> Value {
        let line = self.vertex(step, more, image);
        self.steps.remove(&step);
        line
    }

    fn vertex(&self, step: StepId, more: &[(&str, Value)], image: Option<ImageId>) -> Value {
        let mut vertex = Map::new();
        vertex.insert("digest".to_owned(), json!(self.digest(step)));
        if let Some(Step { name, started }) = self.steps.get(&step) {
            vertex.insert("name".to_owned(), json!(name));
            vertex.insert("started".to_owned(), json!(started));
        }
        vertex.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let own = match image {
            Some(image) => json!({"step": step.0, "image": image}),
            None => json!({"step": step.0}),
        };
        vertex.insert("rbuild".to_owned(), own);
        json!({ "vertexes": [vertex] })
    }

    fn status(&self, step: StepId, what: &str, (done, total): (u64, u64), now: &str) -> Value {
        let mut status = json!({
            "id": what, "vertex": self.digest(step), "name": what, "total": total, "current": done, "timestamp": now,
        });
        if let Some(known) = self.steps.get(&step) {
            status["started"] = json!(known.started);
        }
        if done >= total {
            status["completed"] = json!(now);
        }
        json!({ "statuses": [status] })
    }
}

/// A finding with all that is known of its rule.
fn finding(file: &str, finding: &Finding) -> Value {
    let (rule, place) = (finding.rule, finding.place);
    let lines = place.map(|place| (place.first_line, place.last_line));
    let mut warning = json!({
        "level": 1,
        "short": STANDARD.encode(format!("{}: {}", rule.name, finding.message)),
        "detail": [STANDARD.encode(rule.about)],
        "sourceInfo": {"filename": file},
        "rbuild": {"rule": rule.name, "text": finding.message, "fix": rule.fix},
    });
    if let Some(url) = rule.url() {
        warning["url"] = json!(url);
    }
    if let Some((first, last)) = lines {
        warning["range"] = json!([{"start": {"line": first}, "end": {"line": last}}]);
    }
    warning
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Why;
    use std::time::Duration;

    fn lines(events: &[Event<'_>]) -> Vec<Value> {
        let sink = RawJson::new(Vec::new());
        for event in events {
            sink.event(event);
        }
        let text = String::from_utf8(sink.state.into_inner().unwrap().out).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_step_is_told_as_buildkit_tells_a_vertex() {
        let (step, name) = (StepId(2), "[2/2] RUN make");
        let lines = lines(&[
            Event::Started { step, name },
            Event::Missed { step, why: &Why::New },
            Event::Output { step, stream: Stream::Stderr, bytes: b"\xff\n" },
            Event::Progress { step, what: "blob", done: 1, total: 2 },
            Event::Done { step, took: Duration::ZERO, image: None },
            Event::Cached { step: StepId(3), name: "COPY a /", image: None },
            Event::Canceled { step: StepId(4) },
        ]);
        let digest = &lines[0]["vertexes"][0]["digest"];
        assert_eq!(lines.len(), 6);
        assert_eq!(lines[0]["vertexes"][0]["name"], name);
        assert!(lines[0]["vertexes"][0].get("completed").is_none());
        assert_eq!((&lines[1]["rbuild"]["vertex"], &lines[1]["rbuild"]["why"]["reason"]), (digest, &json!("new")));
        let log = &lines[2]["logs"][0];
        assert_eq!((&log["vertex"], &log["stream"], &log["data"]), (digest, &json!(2), &json!("/wo=")));
        assert_eq!((&lines[3]["statuses"][0]["vertex"], &lines[3]["statuses"][0]["current"]), (digest, &json!(1)));
        let done = &lines[4]["vertexes"][0];
        assert_eq!((&done["digest"], &done["started"]), (digest, &lines[0]["vertexes"][0]["started"]));
        assert!(done["completed"].as_str().unwrap().ends_with('Z'));
        assert_eq!(lines[5]["vertexes"][0]["cached"], true);
    }
}

//! The plain sink: one line an event, every line of a step behind its number, nothing clipped. For pipes and CI logs.

use super::{Event, Lines, Sink, StepId, Stream, summary};
use crate::render::human::size;
use crate::render::printable;
use rbuild_oci::ImageId;
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A transfer that takes longer is told of, again after each such time.
const PATIENCE: Duration = Duration::from_secs(3);

/// Writes events as text lines, as `docker buildx build --progress=plain` does.
pub struct Plain<W: Write> {
    state: Mutex<State<W>>,
}

struct State<W: Write> {
    /// Holds what one event says, so that it is written at once.
    out: BufWriter<W>,
    steps: BTreeMap<StepId, Step>,
}

struct Step {
    began: Instant,
    /// When something was told of each transfer, so that a slow one shows that it lives and a fast one is silent.
    told: BTreeMap<String, Instant>,
    stdout: Lines,
    stderr: Lines,
}

impl<W: Write + Send> Plain<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { state: Mutex::new(State { out: BufWriter::new(out), steps: BTreeMap::new() }) }
    }
}

impl<W: Write + Send> Sink for Plain<W> {
    fn event(&self, event: &Event<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A closed pipe must not fail the build: the log on disk keeps everything.
        drop(state.write(event).and_then(|()| state.out.flush()));
    }
}

impl<W: Write> State<W> {
    fn write(&mut self, event: &Event<'_>) -> std::io::Result<()> {
        match event {
            Event::Started { step, name } => {
                self.steps.insert(*step, Step::begin());
                writeln!(self.out, "{step} {}", printable(name))
            }
            Event::Missed { step, why } => writeln!(self.out, "{step} not cached: {}", printable(&why.to_string())),
            Event::Output { step, stream, bytes } => self.output(*step, *stream, bytes),
            Event::Progress { step, what, done, total } => self.progress(*step, what, (*done, *total)),
            Event::Cached { step, name, image } => {
                writeln!(self.out, "{step} {}\n{step} CACHED\n{}", printable(name), arrow(*step, *image))
            }
            Event::Done { step, took, image } => {
                self.flush(*step)?;
                writeln!(self.out, "{step} DONE {:.1}s\n{}", took.as_secs_f64(), arrow(*step, *image))
            }
            Event::Image { step, image } => writeln!(self.out, "{}", arrow(*step, Some(*image))),
            Event::Kept(_) | Event::Keyed { .. } => Ok(()),
            // One that had not begun is not worth a line.
            Event::Canceled { step } if !self.steps.contains_key(step) => Ok(()),
            Event::Canceled { step } => {
                self.flush(*step)?;
                writeln!(self.out, "{step} CANCELED\n")
            }
            Event::Failed { step, name, error } => {
                if !self.steps.contains_key(step) {
                    writeln!(self.out, "{step} {}", printable(name))?;
                }
                self.flush(*step)?;
                writeln!(self.out, "{step} ERROR: {}\n", printable(error))
            }
            Event::Warning(text) => writeln!(self.out, "WARNING: {}", printable(text)),
            Event::Note(text) => writeln!(self.out, "{}", printable(text)),
            Event::Findings { findings, .. } => writeln!(self.out, "\n{}", summary::lines(findings).join("\n")),
        }
    }

    fn progress(&mut self, step: StepId, what: &str, (done, total): (u64, u64)) -> std::io::Result<()> {
        let Some(state) = self.steps.get_mut(&step) else { return Ok(()) };
        let told = state.told.entry(what.to_owned()).or_insert(state.began);
        if told.elapsed() < PATIENCE {
            return Ok(());
        }
        *told = Instant::now();
        let seconds = state.began.elapsed().as_secs_f64();
        writeln!(self.out, "{step} {seconds:.3} {what} {} / {}", size(done), size(total))
    }

    fn output(&mut self, step: StepId, stream: Stream, bytes: &[u8]) -> std::io::Result<()> {
        let Some(state) = self.steps.get_mut(&step) else { return Ok(()) };
        let seconds = state.began.elapsed().as_secs_f64();
        let lines = match stream {
            Stream::Stdout => &mut state.stdout,
            Stream::Stderr => &mut state.stderr,
        };
        let mut text = Vec::new();
        lines.push(bytes, |line| put_line(&mut text, step, seconds, line));
        self.out.write_all(&text)
    }

    fn flush(&mut self, step: StepId) -> std::io::Result<()> {
        let Some(mut state) = self.steps.remove(&step) else { return Ok(()) };
        let seconds = state.began.elapsed().as_secs_f64();
        let mut text = Vec::new();
        for rest in [state.stdout.finish(), state.stderr.finish()].into_iter().flatten() {
            put_line(&mut text, step, seconds, &rest);
        }
        self.out.write_all(&text)
    }
}

impl Step {
    fn begin() -> Self {
        Self { began: Instant::now(), told: BTreeMap::new(), stdout: Lines::default(), stderr: Lines::default() }
    }
}

/// The line that says which image ends with a step, as docker's own builder wrote it.
fn arrow(step: StepId, image: Option<ImageId>) -> String {
    image.map(|image| format!("{step} ---> {}\n", image.0.short())).unwrap_or_default()
}

fn put_line(text: &mut Vec<u8>, step: StepId, seconds: f64, line: &[u8]) {
    text.extend_from_slice(format!("{step} {seconds:.3} ").as_bytes());
    text.extend_from_slice(line);
    text.push(b'\n');
}

impl<W: Write> std::fmt::Debug for Plain<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Plain")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn steps_keep_their_lines_apart() {
        let sink = Plain::new(Vec::new());
        let (one, two) = (StepId(1), StepId(2));
        let image = ImageId(rbuild_oci::Digest::of(b"image"));
        let output = |step, bytes| Event::Output { step, stream: Stream::Stdout, bytes };
        for event in [
            Event::Started { step: one, name: "[1/2] RUN a" },
            Event::Started { step: two, name: "[2/2] RUN b" },
            output(one, b"half"),
            output(two, b"whole\n"),
            output(one, b" done"),
            Event::Done { step: one, took: Duration::from_millis(60), image: Some(image) },
            Event::Cached { step: StepId(3), name: "COPY a b", image: None },
        ] {
            sink.event(&event);
        }
        let text = String::from_utf8(sink.state.into_inner().unwrap().out.into_inner().unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[2].starts_with("#2 0.0") && lines[2].ends_with(" whole"), "{text}");
        assert!(lines[3].starts_with("#1 0.0") && lines[3].ends_with(" half done"), "{text}");
        assert_eq!(
            lines[4..],
            ["#1 DONE 0.1s", &format!("#1 ---> {}", image.0.short()), "", "#3 COPY a b", "#3 CACHED", ""]
        );
    }
}

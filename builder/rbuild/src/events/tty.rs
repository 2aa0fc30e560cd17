//! The terminal sink: a live line for each running step with its latest output, finished steps above. Knows no build.

use super::{Event, Lines, Sink, StepId, summary};
use crate::render::human::size;
use crate::render::printable;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Shows a build on a terminal through `indicatif`.
#[derive(Debug)]
pub struct Tty {
    bars: MultiProgress,
    steps: Mutex<BTreeMap<StepId, Step>>,
}

#[derive(Debug)]
struct Step {
    bar: ProgressBar,
    name: String,
    lines: Lines,
}

impl Tty {
    /// Draws on standard error.
    pub fn new() -> Self {
        Self { bars: MultiProgress::new(), steps: Mutex::default() }
    }

    fn print(&self, line: &str) {
        // A terminal that went away must not fail the build.
        drop(self.bars.println(printable(line)));
    }

    fn start(&self, step: StepId, name: &str) {
        let bar = self.bars.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(printable(&format!("{step} {name}")));
        bar.enable_steady_tick(Duration::from_millis(120));
        let fresh = Step { bar, name: name.to_owned(), lines: Lines::default() };
        self.steps().insert(step, fresh);
    }

    fn output(&self, step: StepId, bytes: &[u8]) {
        let mut steps = self.steps();
        let Some(state) = steps.get_mut(&step) else { return };
        let Step { lines, bar, .. } = state;
        lines.push(bytes, |line| bar.set_message(printable(&String::from_utf8_lossy(line))));
    }

    /// The name of a step that had started, which is shown no more.
    fn take_away(&self, step: StepId) -> Option<String> {
        let state = self.steps().remove(&step)?;
        state.bar.finish_and_clear();
        Some(state.name)
    }

    fn end(&self, step: StepId, outcome: &str) {
        if let Some(name) = self.take_away(step) {
            self.print(&format!("{step} {name} {outcome}"));
        }
    }

    fn fail(&self, step: StepId, name: &str, error: &str) {
        self.take_away(step);
        self.print(&format!("{step} {name}"));
        self.print(&format!("{step} ERROR: {error}"));
    }

    fn steps(&self) -> std::sync::MutexGuard<'_, BTreeMap<StepId, Step>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Tty {
    fn default() -> Self {
        Self::new()
    }
}

impl Sink for Tty {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Started { step, name } => self.start(*step, name),
            Event::Output { step, bytes, .. } => self.output(*step, bytes),
            Event::Progress { step, what, done, total } => {
                if let Some(state) = self.steps().get(step) {
                    state.bar.set_message(format!("{what} {} / {}", size(*done), size(*total)));
                }
            }
            Event::Missed { step, why } => {
                if let Some(state) = self.steps().get(step) {
                    state.bar.set_message(printable(&format!("not cached: {why}")));
                }
            }
            Event::Cached { step, name, .. } => {
                self.take_away(*step);
                self.print(&format!("{step} CACHED {name}"));
            }
            Event::Done { step, took, .. } => self.end(*step, &format!("{:.1}s", took.as_secs_f64())),
            Event::Image { .. } | Event::Kept(_) | Event::Keyed { .. } => {}
            Event::Canceled { step } => self.end(*step, "CANCELED"),
            Event::Failed { step, name, error } => self.fail(*step, name, error),
            Event::Warning(text) => self.print(&format!("WARNING: {text}")),
            Event::Note(text) => self.print(text),
            Event::Findings { findings, .. } => {
                self.print("");
                for line in summary::lines(findings) {
                    self.print(&line);
                }
            }
        }
    }
}

//! The lines of a file that an error is about, and which of their columns are marked. Knows no width and no colour.

use super::look::{Line, Report};
use crate::render::visible;
use dockerfile_parser::{Position, Source, Span};
use rbuild_graph::redact;
use unicode_width::UnicodeWidthStr;

/// How many lines of one instruction are shown.
const LINES: u32 = 8;
/// How many lines before them, where the instruction began earlier.
const ABOVE: u32 = 2;

/// Adds the place of `span` and its lines; `label` stands behind the place.
pub(super) fn put_excerpt(report: &mut Report, name: &str, bytes: &[u8], (span, label): (Span, String)) {
    let source = Source::new(bytes);
    let (first, last) = (source.position(span.start), source.position(span.end.max(span.start + 1) - 1));
    let column = before(&source, first).chars().count() + 1;
    report.put(Line::Place(format!("{name}:{}:{column}{label}", first.line)));
    let end = last.line.min(first.line + LINES - 1);
    let width = end.to_string().len();
    for line in above(&source, first.line)..=end {
        let text = shown(source.line(line));
        let marks = (line == first.line).then(|| {
            let start = before(&source, first).width();
            let end = if last.line == first.line { through(&source, last).width() } else { text.width() };
            start..end.max(start + 1)
        });
        report.put(Line::Source(format!("{line:>width$}"), text, marks));
    }
    if last.line > end {
        report.put(Line::Source(" ".repeat(width), "…".to_owned(), None));
    }
}

/// The ends of lines that mean to go on.
const GOES_ON: [&[u8]; 4] = [b"\\", b"&&", b"||", b"|"];

/// The line that an excerpt begins with: the token may stand on a line that continues others, or was meant to.
fn above(source: &Source<'_>, line: u32) -> u32 {
    let goes_on = |line: u32| GOES_ON.iter().any(|end| source.line(line).trim_ascii_end().ends_with(end));
    let mut first = line;
    while first > 1 && line - first < ABOVE && goes_on(first - 1) {
        first -= 1;
    }
    first
}

/// What stands on the line in front of a position.
fn before(source: &Source<'_>, at: Position) -> String {
    let line = source.line(at.line);
    shown(&line[..(at.column as usize - 1).min(line.len())])
}

/// What stands on the line up to a position and at it.
fn through(source: &Source<'_>, at: Position) -> String {
    let line = source.line(at.line);
    shown(&line[..(at.column as usize).min(line.len())])
}

/// A line as it is shown: as long as it will be once its credentials are masked, and nothing that moves a cursor.
fn shown(line: &[u8]) -> String {
    let text = redact(String::from_utf8_lossy(line).trim_end_matches(['\r', '\n']));
    text.trim_start_matches('\u{FEFF}').chars().map(visible).collect()
}

//! Errors for people: the line of the Dockerfile with a caret under the token, the last lines of output, the cause, a
//! hint; and the exit code. Credentials in URLs are masked. Knows no terminal's width or colour.

use crate::error::Error;
use crate::render::human::ellipsis;
use crate::request::DockerfileSource;
use dockerfile_parser::{Source, Span};
use rbuild_graph::redact;
use std::io;
use std::process::ExitCode;

/// How a process ends, for `--help`.
pub const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 failed, 2 a command line that makes no sense, 130 stopped by Ctrl-C";

/// The error without a Dockerfile.
pub fn plain(error: &Error) -> String {
    let mut text = String::new();
    put_cause(&mut text, error);
    text
}

/// The error at its place in a Dockerfile.
pub fn with_source(error: &Error, file: &DockerfileSource) -> String {
    let mut text = String::new();
    if let Some(span) = span(error) {
        put_excerpt(&mut text, &file.name, &file.bytes, (span, label(error)));
    }
    put_cause(&mut text, error);
    text
}

/// What the process ends with: see [`EXIT_CODES`]. A failing RUN is 1 too, as with docker; its own code is in the
/// message.
pub fn exit_code(error: &Error) -> ExitCode {
    match error {
        _ if error.is_canceled() => ExitCode::from(130),
        Error::Usage(_) => ExitCode::from(2),
        _ => ExitCode::from(1),
    }
}

/// The bytes of the Dockerfile that an error points at.
pub(crate) fn span(error: &Error) -> Option<Span> {
    match error {
        _ if error.is_canceled() => None,
        Error::Parse(error) => Some(error.span),
        Error::Graph(error) => error.span,
        Error::At { span, .. } => Some(*span),
        _ => None,
    }
}

/// The stage and number of a step, as in ` in [builder 2/5]`; what it does stands in the excerpt.
fn label(error: &Error) -> String {
    match error {
        Error::At { step, .. } if step.starts_with('[') => {
            step.split_once(']').map(|(label, _)| format!(" in {label}]")).unwrap_or_default()
        }
        _ => String::new(),
    }
}

fn hints(error: &Error) -> Vec<String> {
    let one = match error {
        Error::Parse(error) => error.hint.clone(),
        Error::Graph(error) => error.hint.clone(),
        Error::NotFound { hint, .. } => hint.clone(),
        Error::Store(error) => error.hint().map(str::to_owned),
        Error::Records(rbuild_records::Error::Io { source, .. } | rbuild_records::Error::Tidy { source, .. }) => {
            rbuild_store::Error::hint_for(source).map(str::to_owned)
        }
        Error::Io { source, .. } => of_system(source).map(str::to_owned),
        Error::Registry(error) => error.hint().map(str::to_owned),
        Error::Runner(error) => error.hint().map(str::to_owned),
        Error::NotAllowed { entitlement } => {
            Some(format!("to trust this Dockerfile with it, build with --allow {entitlement}"))
        }
        Error::Lint { .. } => {
            Some("warnings are errors here by check=error=true; --check shows each with its fix".into())
        }
        Error::At { source, hint, .. } => return hint.iter().cloned().chain(hints(source)).collect(),
        _ => None,
    };
    one.into_iter().collect()
}

/// What helps where the system refuses something outside the store.
fn of_system(error: &io::Error) -> Option<&'static str> {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded => Some("free space there, or choose another place"),
        ReadOnlyFilesystem => Some("the file system is read-only: choose another place"),
        PermissionDenied => {
            Some("check who owns it and what its mode is; .dockerignore can leave out what is not needed")
        }
        _ => None,
    }
}

/// Adds a line.
macro_rules! put {
    ($text:expr, $($rest:tt)*) => { put_line($text, &format!($($rest)*)) };
}

/// How many characters of a message are shown: one may quote a file that is no Dockerfile at all.
const MOST: usize = 4000;

fn put_line(text: &mut String, line: &str) {
    let line = ellipsis(line, MOST);
    text.extend(redact(&line).chars().map(|char| if char == '\n' { char } else { visible(char) }).chain(['\n']));
}

fn put_cause(text: &mut String, error: &Error) {
    if error.is_canceled() {
        return put!(text, "ERROR: canceled: what was done so far is kept for the next time");
    }
    let inner = if let Error::At { source, .. } = error { source } else { error };
    if let Error::Command { tail, .. } = inner
        && !tail.is_empty()
    {
        put!(text, "------ last lines of its output:");
        for line in tail {
            put!(text, "  {line}");
        }
        put!(text, "------");
    }
    let mut said = inner.to_string();
    put!(text, "ERROR: {said}");
    let mut source = std::error::Error::source(inner);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !said.contains(&cause_text) {
            put!(text, "  because: {cause_text}");
            said.push_str(&cause_text);
        }
        source = cause.source();
    }
    for hint in hints(error).iter().filter(|hint| !said.contains(hint.as_str())) {
        put!(text, "  hint: {hint}");
    }
}

/// How many lines of one instruction are shown.
const LINES: u32 = 8;

fn put_excerpt(text: &mut String, name: &str, bytes: &[u8], (span, label): (Span, String)) {
    let source = Source::new(bytes);
    let (first, last) = (source.position(span.start), source.position(span.end.max(span.start + 1) - 1));
    put!(text, "{name}:{}:{}{label}", first.line, first.column);
    let width = last.line.to_string().len();
    for line in first.line..=last.line.min(first.line + LINES - 1) {
        let content = source.line(line);
        let shown = |end: u32| shown(&content[..(end as usize).min(content.len())]);
        let whole = shown(u32::MAX);
        put!(text, "{line:>width$} | {}", ellipsis(&whole, CLIP));
        if line == first.line {
            let start = shown(first.column.saturating_sub(1)).chars().count().min(CLIP);
            let end = if last.line == first.line { shown(last.column) } else { whole };
            let marks = "^".repeat(end.chars().count().min(CLIP).saturating_sub(start).max(1));
            put!(text, "{:width$} | {}{marks}", "", " ".repeat(start));
        }
    }
    if last.line >= first.line + LINES {
        put!(text, "{:width$} | …", "");
    }
}

/// A line as it is shown: as long as it will be once its credentials are masked, and nothing that moves a cursor.
fn shown(line: &[u8]) -> String {
    let text = redact(String::from_utf8_lossy(line).trim_end_matches(['\r', '\n']));
    text.chars().map(visible).collect()
}

/// A character that could move the cursor or change a terminal's colours shows as one that cannot.
pub(crate) fn visible(char: char) -> char {
    match char {
        '\t' => ' ',
        other if other.is_control() => char::REPLACEMENT_CHARACTER,
        other => other,
    }
}

/// How many characters of a line are shown.
const CLIP: usize = 500;

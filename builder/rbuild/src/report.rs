//! Errors for people: the line of the Dockerfile with a caret under the token, the cause, the last lines of output, a
//! hint; and the exit code. Knows no terminal's width or colour.

use crate::error::Error;
use crate::request::DockerfileSource;
use dockerfile_parser::{Source, Span};
use std::process::ExitCode;

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
        put_excerpt(&mut text, &file.name, &file.bytes, span);
    }
    put_cause(&mut text, error);
    text
}

/// What the process ends with: 2 for a command line that makes no sense, 130 after Ctrl-C, else 1. A failing RUN is 1
/// too, as with docker; its own code is in the message.
pub fn exit_code(error: &Error) -> ExitCode {
    match error {
        _ if error.is_canceled() => ExitCode::from(130),
        Error::Usage(_) => ExitCode::from(2),
        _ => ExitCode::from(1),
    }
}

fn span(error: &Error) -> Option<Span> {
    match error {
        Error::Parse(error) => Some(error.span),
        Error::Graph(error) => error.span,
        Error::At { span, .. } => Some(*span),
        _ => None,
    }
}

fn hint(error: &Error) -> Option<String> {
    match error {
        Error::Parse(error) => error.hint.clone(),
        Error::Graph(error) => error.hint.clone(),
        Error::NotFound { hint, .. } => hint.clone(),
        Error::Registry(error) => error.hint().map(str::to_owned),
        Error::NotAllowed { entitlement } => {
            Some(format!("to trust this Dockerfile with it, build with --allow {entitlement}"))
        }
        Error::At { source, .. } => hint(source),
        _ => None,
    }
}

/// Adds a line.
macro_rules! put {
    ($text:expr, $($rest:tt)*) => { $text.push_str(&format!("{}\n", format_args!($($rest)*))) };
}

fn put_cause(text: &mut String, error: &Error) {
    let inner = match error {
        Error::At { step, source, .. } => {
            put!(text, "ERROR in {step}");
            source
        }
        other => other,
    };
    if let Error::Command { tail, .. } = inner
        && !tail.is_empty()
    {
        put!(text, "------ last lines of its output:");
        for line in tail {
            put!(text, "  {line}");
        }
        put!(text, "------");
    }
    put!(text, "ERROR: {inner}");
    let mut source = std::error::Error::source(inner);
    let mut said = inner.to_string();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !said.contains(&cause_text) {
            put!(text, "  because: {cause_text}");
        }
        said = cause_text;
        source = cause.source();
    }
    if let Some(hint) = hint(error) {
        put!(text, "  hint: {hint}");
    }
}

/// How many lines of one instruction are shown.
const LINES: u32 = 8;

fn put_excerpt(text: &mut String, name: &str, bytes: &[u8], span: Span) {
    let source = Source::new(bytes);
    let (first, last) = (source.position(span.start), source.position(span.end.max(span.start + 1) - 1));
    put!(text, "{name}:{}:{}", first.line, first.column);
    let width = last.line.to_string().len();
    for line in first.line..=last.line.min(first.line + LINES - 1) {
        let content = source.line(line);
        let shown = String::from_utf8_lossy(content).replace('\t', " ");
        put!(text, "{line:>width$} | {}", shown.trim_end_matches(['\r', '\n']));
        if line == first.line {
            let chars =
                |end: u32| String::from_utf8_lossy(&content[..(end as usize).min(content.len())]).chars().count();
            let start = chars(first.column.saturating_sub(1));
            let end = if last.line == first.line { chars(last.column) } else { chars(u32::MAX) };
            let marks = "^".repeat(end.saturating_sub(start).max(1));
            put!(text, "{:width$} | {}{marks}", "", " ".repeat(start));
        }
    }
    if last.line >= first.line + LINES {
        put!(text, "{:width$} | …", "");
    }
}

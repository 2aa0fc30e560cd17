//! Errors for people: the line of the Dockerfile with a caret under the token, the last lines of output, the cause, a
//! hint; and the exit code. Credentials in URLs are masked. Decides what is said; how it looks is decided in `look`.

mod excerpt;
mod hints;
mod look;

pub use look::{Look, Report};

use crate::error::Error;
use dockerfile_parser::{Source, Span};
use excerpt::put_excerpt;
pub(crate) use hints::hints;
use look::Line;
use std::process::ExitCode;

/// The error without a Dockerfile.
pub fn plain(error: &Error) -> Report {
    let mut report = Report::default();
    put_ignore_file(&mut report, error);
    put_cause(&mut report, error);
    report
}

/// The error at its place in a Dockerfile of that name and content.
pub fn with_source(error: &Error, name: &str, text: &[u8]) -> Report {
    let mut report = Report::default();
    if let Some(span) = span(error) {
        put_excerpt(&mut report, name, text, (span, label(error)));
    }
    put_ignore_file(&mut report, error);
    put_cause(&mut report, error);
    if let Error::At { span, source, .. } = error
        && matches!(&**source, Error::NotFound { .. })
        && Source::new(text).slice(*span).starts_with(b"..")
    {
        report.put(Line::Hint("nothing is above the top of a context: .. stays there".to_owned()));
    }
    report
}

/// What the process ends with: see [`crate::args::EXIT_CODES`]. A failing RUN is 1 too, as with docker; its own code is in the
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

/// The line of an ignore file that is wrong.
fn put_ignore_file(report: &mut Report, error: &Error) {
    let inner = if let Error::At { source, .. } = error { source } else { error };
    if let Error::Ignore { name, bytes, source } = inner {
        put_excerpt(report, name, bytes, (source.span, String::new()));
    }
}

fn put_cause(report: &mut Report, error: &Error) {
    if error.is_canceled() {
        return report.put(Line::Error("canceled: what was done so far is kept for the next time".to_owned()));
    }
    let inner = if let Error::At { source, .. } = error { source } else { error };
    if let Error::Command { tail, .. } = inner
        && !tail.is_empty()
    {
        report.put(Line::Text("------ last lines of its output:".to_owned()));
        for line in tail {
            report.put(Line::Text(format!("  {line}")));
        }
        report.put(Line::Text("------".to_owned()));
    }
    let mut said = message(inner);
    report.put(Line::Error(said.clone()));
    let mut source = std::error::Error::source(inner);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !said.contains(&cause_text) {
            report.put(Line::Because(cause_text.clone()));
            said.push_str(&cause_text);
        }
        source = cause.source();
    }
    for hint in hints(error).into_iter().filter(|hint| !said.contains(hint.as_str())) {
        report.put(Line::Hint(hint));
    }
}

/// What is wrong. A question of few words is asked on the same line; other hints have a line of their own.
fn message(error: &Error) -> String {
    let is_question = |hint: &Option<String>| hint.as_ref().is_some_and(|hint| hint.starts_with("did you mean"));
    match error {
        Error::Parse(error) if !is_question(&error.hint) => error.kind.to_string(),
        Error::Graph(error) if !is_question(&error.hint) => error.kind.to_string(),
        other => other.to_string(),
    }
}

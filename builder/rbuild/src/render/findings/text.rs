//! A check for people: how many, then each with its lines of the Dockerfile, as docker prints them, and its fix.

use super::Report;
use crate::render::visible;
use dockerfile_parser::Source;
use dockerfile_parser::lint::{Finding, Place};
use rbuild_graph::redact;

pub(super) fn text(report: &Report<'_>) -> String {
    let mut out = match (report.findings.len(), &report.error) {
        (0, None) => return "Check complete, no warnings found.\n".to_owned(),
        (0, Some(_)) => return String::new(),
        (1, _) => "Check complete, 1 warning has been found!\n".to_owned(),
        (many, _) => format!("Check complete, {many} warnings have been found!\n"),
    };
    for finding in &report.findings {
        out.push_str(&one(report, finding));
    }
    out.push_str(if report.error.is_some() { "\n" } else { "" });
    out
}

fn one(report: &Report<'_>, finding: &Finding) -> String {
    let url = finding.rule.url().map(|url| format!(" - {url}")).unwrap_or_default();
    let mut out = format!("\nWARNING: {}{url}\n{}\n", finding.rule.name, shown(&finding.message));
    if let Some(place) = finding.place {
        out.push_str(&excerpt(report.file, &report.source, place));
    }
    out + &format!("Fix: {}\n", finding.rule.fix)
}

const RULE: &str = "--------------------";

/// The lines of a place marked with `>>>`, with two lines around a single one and one around several.
fn excerpt(file: &str, source: &Source<'_>, place: Place) -> String {
    let around = if place.last_line > place.first_line { 1 } else { 2 };
    // A newline at the very end begins one more line, which is empty.
    let end = source.line_count() + u32::from(source.bytes().ends_with(b"\n"));
    let mut out = format!("{file}:{}\n{RULE}\n", place.first_line);
    for line in place.first_line.saturating_sub(around).max(1)..=(place.last_line + around).min(end) {
        let mark = if (place.first_line..=place.last_line).contains(&line) { ">>>" } else { "   " };
        let content = shown(&String::from_utf8_lossy(source.line(line)));
        out.push_str(format!(" {line:>3} | {mark} {content}").trim_end());
        out.push('\n');
    }
    out + RULE + "\n"
}

/// Without credentials, and without anything that moves a cursor.
fn shown(text: &str) -> String {
    redact(text).chars().map(|char| if char == '\t' { char } else { visible(char) }).collect()
}

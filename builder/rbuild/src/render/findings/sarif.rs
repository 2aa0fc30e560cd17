//! A check for code hosts and editors: SARIF 2.1.0, with every rule that has a finding, and the words at fault.

use super::{Failure, Report};
use dockerfile_parser::lint::{Finding, Rule, Severity};
use dockerfile_parser::{Position, Source, Span};
use rbuild_graph::redact;
use serde_json::{Value, json};

pub(super) fn sarif(report: &Report<'_>) -> String {
    let rules = rules(&report.findings);
    let results: Vec<Value> = report.findings.iter().map(|finding| result(report, &rules, finding)).collect();
    let invocation = json!({
        "executionSuccessful": report.error.is_none(),
        "toolExecutionNotifications": report.error.iter().map(|error| notification(report, error)).collect::<Vec<_>>(),
    });
    let driver = json!({
        "name": "rbuild",
        "version": env!("CARGO_PKG_VERSION"),
        "rules": rules.iter().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
    });
    let value = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": driver},
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation],
            "results": results,
        }],
    });
    format!("{value:#}\n")
}

/// Each rule once, in the order of their first findings.
fn rules(findings: &[&Finding]) -> Vec<&'static Rule> {
    let mut rules: Vec<&'static Rule> = Vec::new();
    for finding in findings {
        if !rules.iter().any(|rule| rule.name == finding.rule.name) {
            rules.push(finding.rule);
        }
    }
    rules
}

fn descriptor(rule: &Rule) -> Value {
    let mut value = json!({
        "id": rule.name,
        "shortDescription": {"text": rule.about},
        "help": {"text": rule.fix},
        "defaultConfiguration": {"level": level(rule)},
    });
    if let Some(url) = rule.url() {
        value["helpUri"] = url.into();
    }
    value
}

const fn level(rule: &Rule) -> &'static str {
    match rule.severity {
        Severity::Notice => "note",
        Severity::Warning | Severity::Experimental => "warning",
    }
}

fn result(report: &Report<'_>, rules: &[&Rule], finding: &Finding) -> Value {
    json!({
        "ruleId": finding.rule.name,
        "ruleIndex": rules.iter().position(|rule| rule.name == finding.rule.name),
        "level": level(finding.rule),
        "message": {"text": redact(&finding.message)},
        "locations": finding.place.iter().map(|place| location(report, place.span)).collect::<Vec<_>>(),
    })
}

fn notification(report: &Report<'_>, error: &Failure) -> Value {
    json!({
        "level": "error",
        "message": {"text": redact(&error.message)},
        "locations": error.span.iter().map(|span| location(report, *span)).collect::<Vec<_>>(),
    })
}

fn location(report: &Report<'_>, span: Span) -> Value {
    let (start, end) = (report.source.position(span.start), report.source.position(span.end));
    json!({"physicalLocation": {
        "artifactLocation": {"uri": uri(report.file)},
        "region": {
            "startLine": start.line,
            "startColumn": column(&report.source, start),
            "endLine": end.line,
            "endColumn": column(&report.source, end),
        },
    }})
}

/// A column in characters, from 1.
fn column(source: &Source<'_>, position: Position) -> usize {
    let line = source.slice(source.line_span(position.line));
    let before = &line[..line.len().min(position.column as usize - 1)];
    String::from_utf8_lossy(before).chars().count() + 1
}

/// The path as a relative reference.
fn uri(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

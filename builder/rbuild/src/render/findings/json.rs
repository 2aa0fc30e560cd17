//! A check for programs, in the form of docker's `--call=check,format=json`; each warning has its fix besides.

use super::Report;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dockerfile_parser::lint::Finding;
use rbuild_graph::redact;
use serde_json::{Map, Value, json};

pub(super) fn json(report: &Report<'_>) -> String {
    let warnings: Vec<Value> = report.findings.iter().map(|finding| warning(finding)).collect();
    let source = json!({
        "filename": report.file,
        "data": STANDARD.encode(report.source.bytes()),
        "language": "Dockerfile",
    });
    let mut value = json!({"warnings": warnings, "sources": [source]});
    if let Some(error) = &report.error {
        let lines = error.span.map(|span| {
            let (first, last) = (report.source.position(span.start), report.source.position(span.end));
            ranges(first.line, last.line)
        });
        value["buildError"] =
            json!({"message": redact(&error.message), "location": lines.unwrap_or_else(|| json!({}))});
    }
    format!("{value:#}\n")
}

fn warning(finding: &Finding) -> Value {
    let rule = finding.rule;
    object([
        ("ruleName", Some(rule.name.into())),
        ("description", Some(rule.about.into())),
        ("url", rule.url().map(Value::from)),
        ("detail", Some(redact(&finding.message).into())),
        ("fix", Some(rule.fix.into())),
        ("location", finding.place.map(|place| ranges(place.first_line, place.last_line))),
    ])
}

/// An object of the fields that have a value, in this order.
pub fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let present = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(present.collect::<Map<_, _>>())
}

/// A location: each of its lines is a range.
pub fn ranges(first: u32, last: u32) -> Value {
    let ranges = (first..=last.max(first)).map(|line| json!({"start": {"line": line}, "end": {"line": line}}));
    json!({"ranges": ranges.collect::<Vec<_>>()})
}

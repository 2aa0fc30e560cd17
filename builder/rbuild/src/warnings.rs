//! What is not wrong in a Dockerfile but probably not meant, told at the end of a build. Finds nothing itself.

use crate::events::{Event, Events};
use dockerfile_parser::lint::{Finding, Linter};
use rbuild_graph::redact;

/// Tells what the linter found, in the order of the file; credentials are not told.
pub fn tell(events: &Events, file: &str, linter: &Linter) {
    let telling = |finding: &Finding| Finding { message: redact(&finding.message), ..finding.clone() };
    let findings: Vec<Finding> = linter.findings().map(telling).collect();
    if !findings.is_empty() {
        events.send(&Event::Findings { file, findings: &findings });
    }
}

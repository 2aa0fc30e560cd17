//! The lines that end a build which found something in its Dockerfile. Knows no sink.

use crate::render::printable;
use dockerfile_parser::lint::Finding;

/// As docker writes them: how many, then each on a line.
pub(super) fn lines(findings: &[Finding]) -> Vec<String> {
    let many = if findings.len() == 1 { "1 warning".to_owned() } else { format!("{} warnings", findings.len()) };
    let heading = format!(" {many} found (use --check to expand):");
    std::iter::once(heading).chain(findings.iter().map(line)).collect()
}

fn line(finding: &Finding) -> String {
    let line = finding.place.map(|place| format!(" (line {})", place.first_line)).unwrap_or_default();
    printable(&format!(" - {}: {}{line}", finding.rule.name, finding.message))
}

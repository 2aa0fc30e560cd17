//! What is not wrong in a Dockerfile but probably not meant: told with its place, unless the file says `check=skip=`.
//! Finds nothing itself.

use crate::events::Events;
use crate::report;
use crate::request::DockerfileSource;
use dockerfile_parser::{Check, Dockerfile, Rules, Span, WarningKind};
use rbuild_graph::BuildGraph;

/// Tells the warnings of the parser and of the graph, in the order of the file.
pub fn tell(events: &Events, source: &DockerfileSource, file: &Dockerfile, graph: &BuildGraph) {
    let parsed = file.warnings.iter().filter_map(|warning| {
        let (rule, message) = of_parser(warning.kind)?;
        Some((Some(warning.span), rule, message.to_owned()))
    });
    let lowered = graph.warnings.iter().map(|warning| (warning.span, warning.rule, warning.message.clone()));
    let mut all: Vec<(Option<Span>, &str, String)> = parsed.chain(lowered).collect();
    all.sort();
    let check = file.directives.check.as_ref().and_then(|text| Check::parse(text).ok()).unwrap_or_default();
    for (span, rule, message) in all.iter().filter(|(_, rule, _)| !skips(&check.skip, rule)) {
        events.warning(&report::warning(rule, message, span.map(|span| (span, source))));
    }
}

const fn of_parser(kind: WarningKind) -> Option<(&'static str, &'static str)> {
    match kind {
        WarningKind::EmptyContinuation => Some(("NoEmptyContinuation", "empty line in a continued instruction")),
        _ => None,
    }
}

fn skips(rules: &Rules, rule: &str) -> bool {
    match rules {
        Rules::All => true,
        Rules::Some(names) => names.iter().any(|name| name.to_str_lossy().eq_ignore_ascii_case(rule)),
    }
}

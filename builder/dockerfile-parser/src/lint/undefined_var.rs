//! `UndefinedVar`: a variable is set, or declared by ARG, before it is used.
use super::{Hits, Rule, Seen, Severity};

pub(super) const RULE: Rule = Rule {
    name: "UndefinedVar",
    about: "a variable is used that neither ENV, ARG nor the base image sets before",
    page: Some("undefined-var"),
    fix: "declare it above with ARG or ENV; a literal $ is written \\$",
    severity: Severity::Warning,
    look,
};

/// Declared without being in the environment.
const ELSEWHERE: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    let Seen::Unset { name, near } = seen else { return };
    if !ELSEWHERE.contains(name) {
        let hint = near.map(|near| format!(" (did you mean ${near}?)")).unwrap_or_default();
        hits.here(format!("Usage of undefined variable '${name}'{hint}"));
    }
}

#[cfg(test)]
#[test]
fn a_variable_without_a_value() {
    use super::testing::to;
    let seen = |name, near| Seen::Unset { name, near };
    assert_eq!(to(&RULE, &seen("PAHT", Some("PATH"))), ["Usage of undefined variable '$PAHT' (did you mean $PATH?)"]);
    assert_eq!(to(&RULE, &seen("x", None)), ["Usage of undefined variable '$x'"]);
    assert!(to(&RULE, &seen("BUILDKIT_SBOM_SCAN_STAGE", None)).is_empty());
}

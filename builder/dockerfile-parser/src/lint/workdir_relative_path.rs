//! `WorkdirRelativePath`: the first WORKDIR of a stage is absolute. Those after it stand on it.
use super::{Hits, Rule, Seen, Severity};

pub(super) const RULE: Rule = Rule {
    name: "WorkdirRelativePath",
    about: "where a relative WORKDIR leads depends on the base image, which may change",
    page: Some("workdir-relative-path"),
    fix: "begin the path with /",
    severity: Severity::Warning,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    let Seen::Workdir { path, is_first: true } = seen else { return };
    if !is_absolute(path) {
        hits.here(format!("Relative workdir {path:?} can have unexpected results if the base image changes"));
    }
}

/// From `/`, or from a drive of Windows.
fn is_absolute(path: &str) -> bool {
    let drive = matches!(path.as_bytes(), [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic());
    path.starts_with('/') || drive
}

#[cfg(test)]
#[test]
fn the_first_workdir_is_relative() {
    use super::testing::to;
    let shown = |path, is_first| to(&RULE, &Seen::Workdir { path, is_first });
    let message = "Relative workdir \"app/\" can have unexpected results if the base image changes";
    assert_eq!(shown("app/", true), [message]);
    assert!(shown("app/", false).is_empty());
    assert!(shown("/app", true).is_empty());
    assert!(shown("C:\\app", true).is_empty());
}

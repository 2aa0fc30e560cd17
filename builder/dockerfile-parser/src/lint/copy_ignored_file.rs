//! `CopyIgnoredFile`: what is copied from the context is not what `.dockerignore` leaves out. Where `.dockerignore` takes
//! anything back in with `!`, nothing is said: a directory may be left out and hold something that is not.
use super::{Hits, Rule, Seen, Severity};
use crate::ignore::clean;

pub(super) const RULE: Rule = Rule {
    name: "CopyIgnoredFile",
    about: "a file is copied that .dockerignore leaves out of the context",
    page: Some("copy-ignored-file"),
    fix: "take the pattern out of .dockerignore, or the source out of the instruction",
    severity: Severity::Warning,
    look,
};

fn look(seen: &Seen<'_>, hits: &mut Hits) {
    let Seen::Source { is_add, path, ignore } = seen else { return };
    if ignore.is_empty() || ignore.patterns().any(|pattern| pattern.exclusion) {
        return;
    }
    let path = clean(path.as_bytes());
    let is_root = matches!(&path[..], b"." | b"/");
    let leaves_out_all = || ignore.patterns().any(|pattern| matches!(&pattern.text[..], b"*" | b"**" | b"**/*"));
    if (!is_root || leaves_out_all()) && ignore.matches(&path).is_some_and(|verdict| verdict.ignored) {
        let verb = if *is_add { "Add" } else { "Copy" };
        let path = String::from_utf8_lossy(&path);
        hits.here(format!("Attempting to {verb} file {path:?} that is excluded by .dockerignore"));
    }
}

#[cfg(test)]
#[test]
fn a_source_that_is_left_out() -> Result<(), crate::Error> {
    use super::testing::to;
    use crate::ignore::{Matcher, Patterns};
    let shown = |patterns: &str, path, is_add| {
        let ignore = &Matcher::new(Patterns::read(patterns.as_bytes())?);
        Ok::<_, crate::Error>(to(&RULE, &Seen::Source { is_add, path, ignore }))
    };
    let message = "file \"a/b\" that is excluded by .dockerignore";
    assert_eq!(shown("a\n", "./a/b", false)?, [format!("Attempting to Copy {message}")]);
    assert_eq!(shown("a/*\n", "a//b", true)?, [format!("Attempting to Add {message}")]);
    assert_eq!(shown("*\n", ".", false)?.len(), 1);
    for (patterns, path) in [("", "a"), ("b\n", "a"), ("*\n!a\n", "b"), (".*\n", "."), ("a\n", "a*")] {
        assert!(shown(patterns, path, false)?.is_empty(), "{patterns:?} {path}");
    }
    Ok(())
}

//! What the rules' own tests share. Whole files, with what a build makes of them, are in testdata/lint.
#![allow(clippy::panic, clippy::unwrap_used)] // tests fail by panicking
use super::{Hits, Linter, RULES, Rule, Seen, Severity};
use crate::directives::Check;
use crate::span::{Span, Text};

/// What a rule finds in the text of a Dockerfile, as `line: message`; experimental rules are asked for.
pub(super) fn in_file(rule: &Rule, text: &str) -> Vec<String> {
    let check = Check::parse(&Text::new("experimental=all", Span::default())).unwrap();
    let mut linter = Linter::with(check);
    crate::parse_linted(text.as_bytes(), &mut linter).unwrap_or_else(|error| panic!("{text}: {error}"));
    let own = linter.findings().filter(|finding| finding.rule.name == rule.name);
    own.map(|finding| format!("{}: {}", finding.place.unwrap().first_line, finding.message)).collect()
}

/// What a rule says to one thing seen.
pub(super) fn to(rule: &Rule, seen: &Seen<'_>) -> Vec<String> {
    let mut hits = Hits::default();
    (rule.look)(seen, &mut hits);
    hits.0.into_iter().map(|(_, message)| message).collect()
}

#[test]
fn rules_are_told_apart_and_say_what_to_do() {
    let mut names: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
    assert!(names.is_sorted(), "{names:?}");
    names.dedup();
    assert_eq!(names.len(), RULES.len());
    for rule in &RULES {
        assert!(!rule.about.is_empty() && !rule.fix.is_empty(), "{}", rule.name);
        let kebab = rule.page.map(|page| page.replace('-', ""));
        assert!(kebab.is_none_or(|page| page.eq_ignore_ascii_case(rule.name)), "{}", rule.name);
    }
    assert_eq!(RULES.iter().filter(|rule| rule.severity == Severity::Experimental).count(), 1);
}

#[test]
fn comments_and_directives_choose_the_rules() {
    let names = |text: &str| {
        let mut linter = Linter::default();
        crate::parse_linted(text.as_bytes(), &mut linter).unwrap();
        let names: Vec<&str> = linter.findings().map(|finding| finding.rule.name).collect();
        (names.join(" "), linter.violated().len())
    };
    let both = ("FromAsCasing MaintainerDeprecated".to_owned(), 0);
    assert_eq!(names("FROM x as a\nMAINTAINER me"), both);
    assert_eq!(names("# check=skip=FromAsCasing\nFROM x as a\nMAINTAINER me"), ("MaintainerDeprecated".to_owned(), 0));
    assert_eq!(names("# check=skip=fromascasing\nFROM x as a\nMAINTAINER me"), both);
    assert_eq!(names("# check=skip=all;error=true\nFROM x as a\nMAINTAINER me"), (String::new(), 0));
    assert_eq!(names("# check=error=true\nFROM x as a\nMAINTAINER me"), (both.0.clone(), 2));
    assert_eq!(names("FROM x as a\n# check=skip=all\nMAINTAINER me"), ("FromAsCasing".to_owned(), 0));
    assert_eq!(names("FROM x as a\n# check=error=true\nMAINTAINER me"), both);
    assert_eq!(names("FROM x AS a\n# b\nARG c"), (String::new(), 0));
    let experimental = "# check=experimental=InvalidDefinitionDescription;error=true\nFROM x AS a\n# b\nARG c";
    assert_eq!(names(experimental), ("InvalidDefinitionDescription".to_owned(), 1));
}

#[test]
fn options_that_are_given_replace_those_of_the_file() {
    let given = Check::parse(&Text::new("skip=MaintainerDeprecated", Span::default())).unwrap();
    let mut linter = Linter::with(given);
    crate::parse_linted(b"# check=nonsense\nFROM x as a\nMAINTAINER me", &mut linter).unwrap();
    let names: Vec<&str> = linter.findings().map(|finding| finding.rule.name).collect();
    assert_eq!(names, ["FromAsCasing"]);
}

#[test]
fn what_is_found_before_an_error_is_kept() {
    let mut linter = Linter::default();
    assert!(crate::parse_linted(b"FROM x AS Bad\nMAINTAINER me\nBADCMD", &mut linter).is_err());
    let names: Vec<&str> = linter.findings().map(|finding| finding.rule.name).collect();
    assert_eq!(names, ["StageNameCasing", "MaintainerDeprecated"]);
}

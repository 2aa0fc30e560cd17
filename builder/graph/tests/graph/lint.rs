//! Every folder of testdata/lint is a case: Dockerfile, perhaps dockerignore, request.json and answers.json, and in
//! expected.txt what is found in it by a check of all stages, and by a build where that is something else. A folder begins
//! with the name of its rule. `UPDATE=1 cargo test -p rbuild-graph` writes expected.txt anew.

use crate::common::{self, World};
use crate::golden::difference;
use dockerfile_parser::Source;
use dockerfile_parser::lint::{Finding, Linter, RULES};
use rbuild_graph::{Outcome, Request};
use std::fs;
use std::path::Path;

#[test]
fn every_case_finds_what_it_says() {
    let wrong: Vec<String> = common::cases_of("lint").iter().filter_map(|case| check(case).err()).collect();
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_rule_has_two_cases_and_is_found_in_one() {
    let cases = common::cases_of("lint");
    for rule in &RULES {
        let own = |case: &&std::path::PathBuf| {
            let name = case.file_name().unwrap().to_string_lossy().replace('-', "");
            name.starts_with(&rule.name.to_lowercase())
        };
        let found = |case: &&std::path::PathBuf| {
            fs::read_to_string(case.join("expected.txt")).unwrap().contains(&format!(" {}: ", rule.name))
        };
        let own: Vec<_> = cases.iter().filter(own).collect();
        assert!(own.len() >= 2 && own.iter().any(found), "{}: {own:?}", rule.name);
    }
}

fn check(case: &Path) -> Result<(), String> {
    let dockerfile = fs::read(case.join("Dockerfile")).unwrap();
    let request = common::request(case);
    let all = Request { all_stages: request.target.is_none(), ..request.clone() };
    let (check, build) = (report(&dockerfile, &all, case), report(&dockerfile, &request, case));
    let found = if check == build { check } else { format!("{check}\nin a build:\n{build}") };
    let file = case.join("expected.txt");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(file, &found).unwrap();
        return Ok(());
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    if expected == found { Ok(()) } else { Err(format!("--- {}\n{}", file.display(), difference(&expected, &found))) }
}

fn report(dockerfile: &[u8], request: &Request, case: &Path) -> String {
    let mut linter = match request.linter() {
        Ok(linter) => linter,
        Err(error) => return format!("error: {error}\n"),
    };
    let outcome = common::linted(dockerfile, request, &World::of(case), &mut linter);
    let mut lines: Vec<String> = linter.findings().map(|finding| line(finding, dockerfile)).collect();
    match outcome {
        Ok(Outcome::Need(_)) => lines.push("error: no such image".to_owned()),
        Err(error) => lines.push(format!("error: {error}")),
        Ok(Outcome::Done(_)) => lines.extend(failure(&linter)),
    }
    if lines.is_empty() {
        lines.push("nothing found".to_owned());
    }
    lines.join("\n") + "\n"
}

fn failure(linter: &Linter) -> Option<String> {
    let violated: Vec<&str> = linter.violated().into_iter().collect();
    (!violated.is_empty()).then(|| format!("fails for {}", violated.join(", ")))
}

/// Lines, rule, message, and what a caret would point at.
fn line(finding: &Finding, dockerfile: &[u8]) -> String {
    let text = format!(" {}: {}", finding.rule.name, finding.message);
    let Some(place) = finding.place else { return format!("-{text}") };
    let lines = match place.last_line - place.first_line {
        0 => place.first_line.to_string(),
        _ => format!("{}-{}", place.first_line, place.last_line),
    };
    let at = String::from_utf8_lossy(Source::new(dockerfile).slice(place.span));
    format!("{lines}{text}\n    at {at:?}")
}

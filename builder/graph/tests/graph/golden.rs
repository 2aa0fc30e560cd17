//! Every folder of testdata/graph is a case: Dockerfile, perhaps request.json and answers.json, and what comes of it in
//! expected.txt or error.txt. `UPDATE=1 cargo test -p rbuild-graph` writes the latter two anew.

use crate::common;
use rbuild_graph::{Outcome, Question, to_dot, to_mermaid, to_text};
use std::fs;
use std::path::Path;

#[test]
fn every_case_gives_what_it_says() {
    let cases = common::cases();
    assert!(cases.len() >= 60, "only {} cases", cases.len());
    let wrong: Vec<String> = cases.iter().filter_map(|case| check(case).err()).collect();
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn check(case: &Path) -> Result<(), String> {
    let dockerfile = fs::read(case.join("Dockerfile")).unwrap();
    let request = common::request(case);
    let world = common::World::of(case);
    let (name, other, found) = match common::outcome(&dockerfile, &request, &world) {
        Ok(outcome) => ("expected.txt", "error.txt", shown(&outcome)),
        Err(error) => ("error.txt", "expected.txt", format!("{error}\n")),
    };
    if std::env::var_os("UPDATE").is_some() {
        fs::write(case.join(name), &found).unwrap();
        let _ = fs::remove_file(case.join(other));
        return Ok(());
    }
    let expected = fs::read_to_string(case.join(name)).unwrap_or_default();
    if expected == found {
        Ok(())
    } else {
        Err(format!("--- {}/{name}\n{}", case.display(), difference(&expected, &found)))
    }
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done(graph) => {
            assert_eq!(to_dot(graph).matches("\n  v").count(), to_mermaid(graph).matches("\n  v").count());
            to_text(graph)
        }
        Outcome::Need(questions) => {
            let hint = |question: &Question| question.hint.clone().unwrap_or_else(|| "no hint".to_owned());
            let lines = questions.iter().map(|question| format!("need {}: {}", question.ask, hint(question)));
            lines.chain([String::new()]).collect::<Vec<_>>().join("\n")
        }
    }
}

pub(crate) fn difference(expected: &str, found: &str) -> String {
    let mut lines = Vec::new();
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    for index in 0..expected.len().max(found.len()) {
        let (was, is) = (expected.get(index), found.get(index));
        if was != is {
            lines.extend(was.map(|line| format!("- {line}")));
            lines.extend(is.map(|line| format!("+ {line}")));
        }
    }
    lines.join("\n")
}

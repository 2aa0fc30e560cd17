//! Holds the parser against BuildKit's own tables where they lie beside the repository; says so when they do not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking
use dockerfile_parser::ignore::{Matcher, Patterns};
use dockerfile_parser::{Span, Text, words};
use serde_json::Value;
use std::path::PathBuf;

fn table(name: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus").join(name);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("SKIP: no corpus at {}", path.display());
    }
    text
}

#[test]
fn env_words_as_buildkit() {
    let Some(text) = table("words/envVarTest") else { return };
    let known = [("PWD", "/home"), ("SHELL", "bash"), ("KOREAN", "한국어"), ("NULL", "")];
    let env = |name: &str| known.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let mut checked = 0;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('|').map(str::trim).collect();
        let [platform, input, expected] = fields[..] else { panic!("three fields expected: {line}") };
        if platform == "W" {
            continue;
        }
        let got = words::expand(input.as_bytes(), b'\\', &env).map_or("error".to_owned(), |word| word.value);
        assert_eq!(got, expected, "{line}");
        checked += 1;
    }
    assert_eq!(checked, 228);
}

#[test]
fn split_words_as_buildkit() {
    let Some(text) = table("words/wordsTest") else { return };
    let (mut known, mut checked) = (std::collections::BTreeMap::new(), 0);
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some((name, value)) = line.strip_prefix("ENV ").and_then(|pair| pair.split_once('=')) {
            known.insert(name.trim_start_matches(' ').to_owned(), value.to_owned());
            continue;
        }
        let (input, expected) = line.split_once('|').expect("one bar");
        let expected: Vec<&str> = expected.trim_start_matches(' ').split(',').collect();
        let split = words::expand_words(input.trim().as_bytes(), b'\\', &|name| known.get(name).cloned());
        let got = split.map_or_else(|_| vec!["error".to_owned()], |split| split.words);
        assert_eq!(got, expected, "{line}");
        checked += 1;
    }
    assert_eq!(checked, 24);
}

#[test]
fn ignore_patterns_as_buildkit() {
    let Some(text) = table("dockerignore/matches.jsonl") else { return };
    let mut checked = 0;
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let listed = row["patterns"].as_array().cloned().unwrap_or_else(|| vec![row["pattern"].clone()]);
        let listed: Vec<Text> =
            listed.iter().map(|pattern| Text::new(pattern.as_str().unwrap(), Span::default())).collect();
        let refused = row["err"].as_str().is_some_and(|error| error != "nil");
        let Ok(patterns) = Patterns::from_flags(&listed) else {
            assert!(refused, "{line}");
            checked += 1;
            continue;
        };
        assert!(!refused, "{line}");
        let verdict = Matcher::new(patterns).matches(row["text"].as_str().unwrap().as_bytes());
        assert_eq!(verdict.is_some_and(|verdict| verdict.ignored), row["match"].as_bool().unwrap(), "{line}");
        checked += 1;
    }
    assert_eq!(checked, 126);
}

//! Golden folders under `testdata/`: a new case is a new folder. `UPDATE=1` rewrites what is expected.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking
use dockerfile_parser::ignore::{Carry, Matcher, Patterns, Verdict};
use dockerfile_parser::words::{self, Expanded, WordError};
use dockerfile_parser::{Error, Instruction, Kind, Source, detect_syntax, parse, syntax};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

#[test]
fn parser_goldens() {
    let cases = walk("parser", |case| dockerfile(&read(case, "Dockerfile")));
    for keyword in dockerfile_parser::KEYWORDS {
        let name = format!("instruction-{}", keyword.to_lowercase());
        assert!(cases.contains(&name), "no golden for {keyword}: testdata/parser/{name}");
    }
}

#[test]
fn words_goldens() {
    walk("words", |case| word_table(&String::from_utf8(read(case, "input")).unwrap()));
}

#[test]
fn ignore_goldens() {
    walk("ignore", |case| ignore_table(&read(case, "dockerignore"), &read(case, "paths")));
}

/// Compares every folder's `expected` with `answer`; gives the folders' names.
fn walk(room: &str, answer: impl Fn(&Path) -> String) -> BTreeSet<String> {
    let room = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(room);
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&room).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let mut wrong = Vec::new();
    for case in &folders {
        let (file, got) = (case.join("expected"), answer(case));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, &got).unwrap();
        } else if std::fs::read_to_string(&file).unwrap_or_default() != got {
            wrong.push(format!("{}:\n{got}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "UPDATE=1 accepts these:\n{}", wrong.join("\n"));
    folders.iter().map(|case| case.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

fn read(case: &Path, name: &str) -> Vec<u8> {
    std::fs::read(case.join(name)).unwrap_or_else(|error| panic!("{}/{name}: {error}", case.display()))
}

fn dockerfile(input: &[u8]) -> String {
    let mut out = String::new();
    if let Some(syntax) = detect_syntax(input) {
        writeln!(out, "frontend: {syntax:?}").unwrap();
    }
    match parse(input) {
        Ok(file) => {
            writeln!(out, "escape: {}", char::from(file.directives.escape_token())).unwrap();
            file.directives.check.iter().for_each(|check| {
                writeln!(out, "check: {:?}", dockerfile_parser::Check::parse(check).unwrap()).unwrap();
            });
            let nodes = syntax(input).unwrap().nodes;
            nodes.iter().filter_map(|node| node.blank).for_each(|blank| writeln!(out, "{blank:?}").unwrap());
            file.instructions.iter().for_each(|instruction| out.push_str(&shown(instruction)));
        }
        Err(error) => out.push_str(&caret(input, &error)),
    }
    out
}

fn shown(instruction: &Instruction) -> String {
    let Instruction { span, first_line, last_line, original, comments, kind, .. } = instruction;
    let mut out = format!("\nlines {first_line}-{last_line} at {span:?}: {original:?}\n");
    for comment in comments {
        writeln!(out, "comment {comment:?}").unwrap();
    }
    if let Some(check) = dockerfile_parser::Check::from_comments(comments) {
        writeln!(out, "{check:?}").unwrap();
    }
    writeln!(out, "{kind:#?}").unwrap();
    if let Kind::Run(run) = kind {
        writeln!(out, "script {:?}", Escaped(run.script())).unwrap();
        for mount in &run.mounts {
            match mount.resolve(&mut |text| Ok(text.to_str_lossy().into_owned())) {
                Ok(mount) => writeln!(out, "{mount:?}").unwrap(),
                Err(error) => writeln!(out, "mount error: {error} at {:?}", error.span).unwrap(),
            }
        }
    }
    out
}

/// A script with its bytes as text.
struct Escaped<'a>(dockerfile_parser::instruction::Script<'a>);

impl std::fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use dockerfile_parser::instruction::Script;
        match &self.0 {
            Script::Exec(args) => write!(f, "exec {args:?}"),
            Script::Shell(text) => write!(f, "shell \"{}\"", text.escape_ascii()),
            Script::File { name, body } => write!(f, "file {name:?} \"{}\"", body.escape_ascii()),
        }
    }
}

/// The error as a user may see it: the line and a caret under the token.
fn caret(input: &[u8], error: &Error) -> String {
    let source = Source::new(input);
    let start = source.position(error.span.start);
    let line = source.line(start.line);
    let shown = String::from_utf8_lossy(line);
    let shown: String = shown.chars().map(|c| if c.is_control() { '.' } else { c }).take(100).collect();
    let left = (line.len() + 1).saturating_sub(start.column as usize);
    let length = error.span.len().min(left).clamp(1, 100);
    let blanks = " ".repeat(start.column as usize - 1);
    format!("error: {error}\n{:>4} | {shown}\n     | {blanks}{}\n", start.line, "^".repeat(length))
}

/// Lines of `env NAME=VALUE`, `escape TOKEN` and `VERB WORD`, where the verb is expand, split, unquote or heredoc.
fn word_table(input: &str) -> String {
    let (mut known, mut escape, mut out) = (BTreeMap::new(), b'\\', String::new());
    for line in input.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let env = |name: &str| known.get(name).cloned();
        let answer = match verb {
            "env" => {
                let (name, value) = rest.split_once('=').unwrap();
                known.insert(name.to_owned(), value.replace("\\n", "\n"));
                continue;
            }
            "escape" => {
                escape = rest.as_bytes()[0];
                continue;
            }
            "expand" => expanded(words::expand(rest.as_bytes(), escape, &env)),
            "heredoc" => expanded(words::expand_heredoc(rest.as_bytes(), &env)),
            "split" => words::expand_words(rest.as_bytes(), escape, &env)
                .map_or_else(|error| refused(&error), |split| format!("{:?}", split.words)),
            "unquote" => words::unquote(rest.as_bytes(), escape)
                .map_or_else(|error| refused(&error), |value| format!("{value:?}")),
            other => panic!("unknown verb {other}"),
        };
        writeln!(out, "{line}\n    {answer}").unwrap();
    }
    out
}

fn expanded(result: Result<Expanded, WordError>) -> String {
    match result {
        Ok(Expanded { value, used, unmatched }) => {
            let names = |label: &str, names: &BTreeSet<String>| {
                if names.is_empty() { String::new() } else { format!(" {label} {names:?}") }
            };
            format!("{value:?}{}{}", names("used", &used), names("unmatched", &unmatched))
        }
        Err(error) => refused(&error),
    }
}

fn refused(error: &WordError) -> String {
    format!("error: {error}")
}

/// The verdict over each path; a path that ends in a slash is a directory that a walk may want to skip.
fn ignore_table(file: &[u8], paths: &[u8]) -> String {
    let patterns = match Patterns::read(file) {
        Ok(patterns) => patterns,
        Err(error) => return caret(file, &error),
    };
    let listed: String = patterns.iter().fold(String::new(), |mut out, pattern| {
        let sign = if pattern.exclusion { "!" } else { "" };
        writeln!(out, "pattern {}: {sign}{}", pattern.line, pattern.text.escape_ascii()).unwrap();
        out
    });
    let matcher = Matcher::new(patterns);
    String::from_utf8_lossy(paths).lines().fold(listed, |mut out, path| {
        writeln!(out, "{path}: {}", verdict(&matcher, path)).unwrap();
        out
    })
}

fn verdict(matcher: &Matcher, path: &str) -> String {
    let is_dir = path.ends_with('/');
    let path = path.trim_end_matches('/').as_bytes();
    let verdict = matcher.matches(path);
    let text = match verdict {
        None => "kept".to_owned(),
        Some(Verdict { ignored: true, line }) => format!("ignored by line {line}"),
        Some(Verdict { ignored: false, line }) => format!("kept by line {line}"),
    };
    let ignored = verdict.is_some_and(|verdict| verdict.ignored);
    if !is_dir || !ignored {
        return text;
    }
    let slashes = path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at).chain([path.len()]);
    let carry = slashes.fold(Carry::default(), |carry, at| matcher.enter(&carry, &path[..at]).1);
    let below = if matcher.could_reinclude_below(path, &carry) { "look below" } else { "skip" };
    format!("{text}, {below}")
}

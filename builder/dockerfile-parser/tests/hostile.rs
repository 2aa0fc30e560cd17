//! Whatever the bytes: no panic, spans within the input, time in proportion.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking
use dockerfile_parser::ignore::{Carry, Matcher, Patterns};
use dockerfile_parser::{Args, Error, Instruction, Node, Span, Text, Tree, detect_syntax, glob, parse, syntax, words};
use std::time::{Duration, Instant};

/// A small generator (xorshift), so that failures repeat.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// Pieces that make random text reach deep into the parser.
const PIECES: &[&[u8]] = &[
    b"FROM a AS b\n",
    b"RUN ",
    b"COPY ",
    b"ADD ",
    b"ENV ",
    b"LABEL ",
    b"ARG ",
    b"ONBUILD ",
    b"HEALTHCHECK ",
    b"CMD ",
    b"SHELL ",
    b"VOLUME ",
    b"EXPOSE ",
    b"USER ",
    b"STOPSIGNAL ",
    b"\n",
    b"\r\n",
    b"\\\n",
    b"`\n",
    b"# escape=`\n",
    b"# syntax=x\n",
    b"# check=skip=all\n",
    b"#",
    b"<<EOF",
    b"<<-'E O F'",
    b"EOF\n",
    b"E O F\n",
    b"\"",
    b"'",
    b"\\",
    b"`",
    b"$",
    b"${",
    b"}",
    b":-",
    b"##",
    b"%%",
    b"//",
    b"*",
    b"?",
    b"[",
    b"]",
    b"{",
    b",",
    b"=",
    b" ",
    b"\t",
    b"--",
    b"--mount=",
    b"type=secret",
    b"--from=x ",
    b"--interval=1s ",
    b"\xEF\xBB\xBF",
    b"\x85",
    b"\xA0",
    b"\xE2\x80\x83",
    b"\xFF",
    b"\0",
    b"\\ud800",
    b"1e999",
    b"null",
    b"/",
    b"!",
    b"**",
    b"a",
    b"0",
    b"-",
    b".",
    b"\xE2\x84\xAA",
];

fn random_text(random: &mut Random) -> Vec<u8> {
    (0..random.below(40)).flat_map(|_| PIECES[random.below(PIECES.len())].iter().copied()).collect()
}

fn random_bytes(random: &mut Random) -> Vec<u8> {
    (0..random.below(200)).map(|_| random.below(256) as u8).collect()
}

fn within(span: Span, input: &[u8]) {
    assert!(span.start <= span.end && span.end as usize <= input.len(), "{span:?} of {}", input.escape_ascii());
}

fn all_within<'a>(texts: impl IntoIterator<Item = &'a Text>, input: &[u8]) {
    texts.into_iter().for_each(|text| within(text.span, input));
}

fn check_tree(tree: &Tree, input: &[u8]) {
    for node in &tree.nodes {
        check_node(node, input);
        assert!(1 <= node.first_line && node.first_line <= node.last_line);
    }
}

fn check_node(node: &Node, input: &[u8]) {
    within(node.span, input);
    node.blank.iter().for_each(|blank| within(blank.span, input));
    all_within([&node.keyword, &node.original], input);
    all_within(node.flags.iter().chain(&node.comments).chain(&node.flat_args()), input);
    node.heredocs.iter().for_each(|heredoc| all_within([&heredoc.name, &heredoc.content], input));
    if let Args::Trigger(inner) = &node.args {
        check_node(inner, input);
    }
}

/// Every text shows its span as `@ start..end`.
fn check_kind(shown: &str, input: &[u8]) {
    for place in shown.split("\" @ ").skip(1) {
        let mut numbers = place.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
        let mut number = || numbers.next().unwrap().parse().unwrap();
        within(Span { start: number(), end: number() }, input);
    }
}

fn check_error(error: &Error, input: &[u8]) {
    within(error.span, input);
    assert!(!error.to_string().is_empty());
}

fn check(input: &[u8]) {
    match syntax(input) {
        Ok(tree) => {
            check_tree(&tree, input);
            for node in &tree.nodes {
                match Instruction::typed(node) {
                    Ok(instruction) => check_kind(&format!("{:?}", instruction.kind), input),
                    Err(error) => check_error(&error, input),
                }
            }
        }
        Err(error) => check_error(&error, input),
    }
    if let Err(error) = parse(input) {
        check_error(&error, input);
    }
    if let Some(found) = detect_syntax(input) {
        within(found.span, input);
    }
    let env = |name: &str| (name.len() % 2 == 1).then(|| "va*lu/e".to_owned());
    let _ = words::expand(input, b'\\', &env);
    let _ = words::expand_words(input, b'`', &env);
    let _ = words::expand_heredoc(input, &env);
    check_patterns(input);
}

fn check_patterns(input: &[u8]) {
    let _ = glob::matches(input, b"a/b.c");
    match Patterns::read(input) {
        Err(error) => check_error(&error, input),
        Ok(patterns) => {
            let matcher = Matcher::new(patterns);
            let (_, carry) = matcher.enter(&Carry::default(), b"a");
            let whole = matcher.matches(b"a/b").is_some_and(|verdict| verdict.ignored);
            assert_eq!(matcher.entry(&carry, b"a/b").is_some_and(|verdict| verdict.ignored), whole);
            if !whole && matcher.matches(b"a").is_some_and(|verdict| verdict.ignored) {
                assert!(matcher.could_reinclude_below(b"a", &carry), "{}", input.escape_ascii());
            }
        }
    }
}

#[test]
fn random_input_never_panics_and_spans_lie_within() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for _ in 0..30_000 {
        check(&random_text(&mut random));
    }
    for _ in 0..10_000 {
        check(&random_bytes(&mut random));
    }
}

#[test]
fn cut_anywhere() {
    let whole = "# escape=`\nFROM a AS b\nRUN --mount=type=cache,target=\"/x,y\" <<-'E' `\n # c\n\n ${x:-\"$y\"}\n\tq\nE\nCMD [\"ü\"]\n";
    for end in 0..=whole.len() {
        check(&whole.as_bytes()[..end]);
    }
}

/// Parses within the time a linear parser needs many times over.
fn quick(name: &str, input: &[u8]) {
    let start = Instant::now();
    check(input);
    assert!(start.elapsed() < Duration::from_secs(20), "{name} took {:?}", start.elapsed());
}

#[test]
fn deep_and_long_input_is_refused_or_read_in_proportion() {
    let long = 60_000;
    quick("json", [b"RUN ".as_slice(), &b"[".repeat(long)].concat().as_slice());
    quick("onbuild", &b"ONBUILD ".repeat(8_000));
    quick("braces", [b"ENV x=".as_slice(), &b"${a:-".repeat(10_000)].concat().as_slice());
    quick("heredoc braces", [b"RUN <<X ".as_slice(), &b"${a:-".repeat(10_000)].concat().as_slice());
    quick("quotes", [b"ENV ".as_slice(), &b"\"a'".repeat(20_000)].concat().as_slice());
    quick("heredocs", [b"RUN".as_slice(), &b" <<A".repeat(12_000), b"\n", &b"A\n".repeat(12_000)].concat().as_slice());
    quick("continuations", [b"RUN x".as_slice(), &b"\\\n".repeat(500_000)].concat().as_slice());
    quick("blank continuations", [b"RUN x \\\n".as_slice(), &b"\n".repeat(500_000)].concat().as_slice());
    quick("comments", &b"# x\n".repeat(200_000));
    quick("instructions", &b"ARG a=b\n".repeat(100_000));
    quick("stars", &b"*a".repeat(300));
}

#[test]
fn a_line_too_long_is_refused_with_its_place() {
    let input = [b"FROM a\nRUN ".as_slice(), &b"x".repeat(65_535), b"\n"].concat();
    let error = syntax(&input).unwrap_err();
    assert_eq!((error.span.start, error.span.end as usize), (7, input.len() - 1));
    let fits = [b"RUN ".as_slice(), &b"x".repeat(65_531), b"\n"].concat();
    assert!(syntax(&fits).is_ok());
}

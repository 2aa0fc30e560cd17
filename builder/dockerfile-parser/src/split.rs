//! Takes one joined line apart: keyword, flags, arguments. Where and how depends on the keyword alone.
//! Knows nothing of what flags and arguments mean.
use crate::error::{Error, ErrorKind};
use crate::json::{self, Array};
use crate::lines::Logical;
use crate::span::Text;
use crate::tree::{Args, KeyValue, Node};
use crate::unicode::{self, decode};
use std::ops::Range;

/// Triggers within triggers are split this deep: ONBUILD ONBUILD is refused later, so deeper ones tell nothing.
const MAX_TRIGGERS: usize = 4;

/// Splits a joined line. Heredocs, comments and line numbers are the caller's.
pub(crate) fn instruction(line: &Logical, escape: u8) -> Result<Node, Error> {
    nested(line, 0..line.bytes.len(), Context { escape, depth: 0 })
}

/// What splitting a part of the line depends on besides the line.
#[derive(Clone, Copy)]
struct Context {
    escape: u8,
    /// How many ONBUILD stand before it.
    depth: usize,
}

fn nested(line: &Logical, range: Range<usize>, context: Context) -> Result<Node, Error> {
    let body = within(&range, unicode::trimmed(&line.bytes[range.clone()]));
    let (keyword, rest) = match split_blanks(&line.bytes, body.clone()) {
        Some((keyword, rest)) => (keyword, rest),
        None => (body.clone(), body.end..body.end),
    };
    let (flags, rest) = flags(line, rest, context.escape);
    let rest = within(&rest, unicode::trimmed(&line.bytes[rest.clone()]));
    let name = unicode::lower(&line.bytes[keyword.clone()]);
    Ok(Node {
        span: line.span(body),
        first_line: 0,
        last_line: 0,
        keyword: line.text(keyword),
        flags,
        args: arguments(&name, line, rest, context)?,
        original: line.text(range),
        heredocs: Vec::new(),
        comments: Vec::new(),
        blank: None,
    })
}

fn arguments(keyword: &str, line: &Logical, rest: Range<usize>, context: Context) -> Result<Args, Error> {
    let Context { escape, depth } = context;
    match keyword {
        "add" | "copy" | "volume" => json_or(line, rest, words_at_blanks),
        "run" | "cmd" | "entrypoint" | "shell" => json_or(line, rest, whole),
        "expose" | "from" => Ok(Args::Words(words_at_blanks(line, rest))),
        "maintainer" | "stopsignal" | "user" | "workdir" => Ok(Args::Words(whole(line, rest))),
        "arg" => Ok(Args::Words(quoted_words(line, rest, escape).into_iter().map(|word| word.text).collect())),
        "env" | "label" => pairs(&keyword.to_ascii_uppercase(), line, rest, escape),
        "healthcheck" => healthcheck(line, rest),
        "onbuild" if rest.is_empty() || depth == MAX_TRIGGERS => Ok(Args::Words(whole(line, rest))),
        "onbuild" => Ok(Args::Trigger(Box::new(nested(line, rest, Context { escape, depth: depth + 1 })?))),
        _ => Ok(Args::Unknown),
    }
}

fn within(outer: &Range<usize>, inner: Range<usize>) -> Range<usize> {
    outer.start + inner.start..outer.start + inner.end
}

/// The blanks that separate a keyword and plain arguments.
fn is_blank(b: u8) -> bool {
    matches!(b, b'\t' | 0x0B | 0x0C | b'\r' | b' ')
}

/// Before and behind the first run of blanks.
fn split_blanks(bytes: &[u8], range: Range<usize>) -> Option<(Range<usize>, Range<usize>)> {
    let blank = range.start + bytes[range.clone()].iter().position(|b| is_blank(*b))?;
    let next = bytes[blank..range.end].iter().position(|b| !is_blank(*b)).map_or(range.end, |length| blank + length);
    Some((range.start..blank, next..range.end))
}

fn words_at_blanks(line: &Logical, rest: Range<usize>) -> Vec<Text> {
    let mut words = Vec::new();
    let mut left = rest;
    while let Some((word, behind)) = split_blanks(&line.bytes, left.clone()) {
        words.push(line.text(word));
        left = behind;
    }
    if !left.is_empty() {
        words.push(line.text(left));
    }
    words
}

fn whole(line: &Logical, rest: Range<usize>) -> Vec<Text> {
    if rest.is_empty() { Vec::new() } else { vec![line.text(rest)] }
}

/// A JSON array of strings, or else what `otherwise` makes of the text.
fn json_or(
    line: &Logical,
    rest: Range<usize>,
    otherwise: fn(&Logical, Range<usize>) -> Vec<Text>,
) -> Result<Args, Error> {
    let start = rest.start + unicode::leading_blanks(&line.bytes[rest.clone()]);
    match json::array(&line.bytes[start..rest.end]) {
        Array::Invalid => Ok(Args::Words(otherwise(line, rest))),
        Array::Mixed(member) => Err(not_a_string(line, within(&(start..start), member))),
        Array::Strings(strings) => {
            let text =
                |(bytes, at): (Vec<u8>, Range<usize>)| Text::new(bytes, line.span(start + at.start..start + at.end));
            Ok(Args::Json(strings.into_iter().map(text).collect()))
        }
    }
}

/// The type and a command. Blanks are found byte by byte, as in Latin-1.
fn healthcheck(line: &Logical, rest: Range<usize>) -> Result<Args, Error> {
    let bytes = &line.bytes[rest.clone()];
    let end = bytes.iter().position(|b| is_latin1_blank(*b)).unwrap_or(bytes.len());
    if end == 0 {
        return Ok(Args::Words(Vec::new()));
    }
    let next = bytes[end..].iter().position(|b| !is_latin1_blank(*b)).map_or(bytes.len(), |length| end + length);
    let kind = line.text(rest.start..rest.start + end);
    Ok(match json_or(line, rest.start + next..rest.end, whole)? {
        Args::Json(command) => Args::TypedJson(kind, command),
        Args::Words(command) => Args::Words(std::iter::once(kind).chain(command).collect()),
        other => other,
    })
}

fn is_latin1_blank(b: u8) -> bool {
    char::from(b).is_whitespace()
}

fn not_a_string(line: &Logical, member: Range<usize>) -> Error {
    let written = String::from_utf8_lossy(&line.bytes[member.clone()]);
    let error = Error::new(ErrorKind::NotStringArray, line.span(member.clone()));
    error.with_hint(match line.bytes[member.start] {
        b'[' | b'{' => "arrays and objects cannot stand in it".to_owned(),
        _ => format!("write \"{written}\""),
    })
}

/// `key=value …`, or the old `key value`.
fn pairs(keyword: &str, line: &Logical, rest: Range<usize>, escape: u8) -> Result<Args, Error> {
    let words = quoted_words(line, rest.clone(), escape);
    let Some(first) = words.first() else { return Ok(Args::Words(Vec::new())) };
    if !first.text.bytes.contains(&b'=') {
        let Some((key, value)) = split_blanks(&line.bytes, rest.clone()) else {
            let error = Error::new(ErrorKind::ValueMissing(keyword.to_owned()), line.span(rest.clone()));
            let name = String::from_utf8_lossy(line.bytes[rest].trim_ascii());
            return Err(error.with_hint(format!("as in {keyword} {name}=value")));
        };
        return Ok(Args::Pairs(vec![KeyValue { key: line.text(key), value: line.text(value), legacy: true }]));
    }
    let mut pairs: Vec<KeyValue> = Vec::with_capacity(words.len());
    for word in &words {
        let pair = pair(line, word).map_err(|error| quoting(error, pairs.last(), word))?;
        pairs.push(pair);
    }
    Ok(Args::Pairs(pairs))
}

/// A word without `=` mostly belongs to the value before it.
fn quoting(error: Error, before: Option<&KeyValue>, word: &Word) -> Error {
    let Some(before) = before else { return error };
    let (key, value, word) = (before.key.to_str_lossy(), before.value.to_str_lossy(), word.text.to_str_lossy());
    let has_quotes = [&value, &word].iter().any(|text| text.contains(['"', '\'', '\\', '`']));
    if has_quotes {
        return error.with_hint("quote the whole of a value that has blanks");
    }
    error.with_hint(format!("a value that has blanks is quoted: {key}=\"{value} {word}\""))
}

fn pair(line: &Logical, word: &Word) -> Result<KeyValue, Error> {
    let mut parts = word.text.bytes.splitn(2, |b| *b == b'=');
    let (Some(key), Some(value)) = (parts.next(), parts.next()) else {
        return Err(Error::new(ErrorKind::EqualsMissing(word.text.to_str_lossy().into_owned()), word.text.span));
    };
    let written = &line.bytes[word.range.clone()];
    let equals = word.range.start + written.iter().position(|b| *b == b'=').unwrap_or(0);
    Ok(KeyValue {
        key: Text::new(key, line.span(word.range.start..equals)),
        value: Text::new(value, line.span(equals + 1..word.range.end)),
        legacy: false,
    })
}

/// A word with its range in the joined line.
struct Word {
    text: Text,
    range: Range<usize>,
}

/// Splits at Unicode blanks outside quotes; quotes and escapes stay, an escape token at the very end is dropped.
fn quoted_words(line: &Logical, rest: Range<usize>, escape: u8) -> Vec<Word> {
    let mut words = Vec::new();
    let mut at = rest.start;
    loop {
        at += unicode::leading_blanks(&line.bytes[at..rest.end]);
        if at == rest.end {
            return words;
        }
        let start = at;
        let word = quoted_word(&line.bytes[..rest.end], &mut at, escape);
        if let Some(bytes) = word {
            words.push(Word { text: Text::new(bytes, line.span(start..at)), range: start..at });
        }
    }
}

/// Reads one word off `at`; `None` when nothing is left of it.
fn quoted_word(bytes: &[u8], at: &mut usize, escape: u8) -> Option<Vec<u8>> {
    let (mut out, mut quote, mut was_quoted) = (Vec::new(), None, false);
    while let Some((c, width)) = decode(&bytes[*at..]) {
        if quote.is_none() && c.is_whitespace() {
            break;
        }
        *at += width;
        if c == char::from(escape) && quote != Some('\'') {
            let Some((escaped, width)) = decode(&bytes[*at..]) else { break };
            *at += width;
            unicode::push(&mut out, c);
            unicode::push(&mut out, escaped);
            continue;
        }
        match quote {
            Some(open) if open == c => quote = None,
            None if matches!(c, '\'' | '"') => (quote, was_quoted) = (Some(c), true),
            _ => {}
        }
        unicode::push(&mut out, c);
    }
    (was_quoted || !out.is_empty()).then_some(out)
}

/// The leading words that begin with `--`, and what follows them. Quotes and escapes are resolved.
///
/// As in BuildKit this goes byte by byte: a byte from 0x80 is the Latin-1 character of that number.
fn flags(line: &Logical, rest: Range<usize>, escape: u8) -> (Vec<Text>, Range<usize>) {
    let bytes = &line.bytes[..rest.end];
    let (mut flags, mut at) = (Vec::new(), rest.start);
    loop {
        at += bytes[at..].iter().take_while(|b| is_latin1_blank(**b)).count();
        if !bytes[at..].starts_with(b"--") {
            return (flags, at..rest.end);
        }
        let start = at;
        let word = flag(bytes, &mut at, escape);
        if word == b"--" {
            return (flags, at..rest.end);
        }
        flags.push(Text::new(word, line.span(start..at)));
    }
}

fn flag(bytes: &[u8], at: &mut usize, escape: u8) -> Vec<u8> {
    let (mut out, mut quote) = (Vec::new(), None);
    while let Some(b) = bytes.get(*at).copied() {
        if quote.is_none() && is_latin1_blank(b) {
            break;
        }
        *at += 1;
        if quote == Some(b) {
            quote = None;
        } else if quote.is_none() && matches!(b, b'\'' | b'"') {
            quote = Some(b);
        } else if b != escape {
            unicode::push(&mut out, char::from(b));
        } else if let Some(escaped) = bytes.get(*at) {
            *at += 1;
            unicode::push(&mut out, char::from(*escaped));
        }
    }
    out
}

//! JSON as Go's encoding/json reads it: arrays of strings for exec forms, the object form of the syntax directive.
//! Knows nothing of instructions.
use crate::unicode;
use std::ops::Range;

/// Deeper nesting is invalid, as in Go.
const MAX_DEPTH: usize = 10_000;

/// What a text that looks like an array turns out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Array {
    /// Not valid JSON, or not an array.
    Invalid,
    /// An array with a member (its range) that is not a string.
    Mixed(Range<usize>),
    /// Each member decoded, with its range (quotes included).
    Strings(Vec<(Vec<u8>, Range<usize>)>),
}

/// Reads an array of strings.
pub(crate) fn array(text: &[u8]) -> Array {
    if text.first() != Some(&b'[') {
        return Array::Invalid;
    }
    let Some(values) = Scanner::new(text).members() else { return Array::Invalid };
    let mut strings = Vec::with_capacity(values.len());
    for (_, value) in values {
        if text[value.start] != b'"' {
            return Array::Mixed(value);
        }
        strings.push((unquote(&text[value.clone()]), value));
    }
    Array::Strings(strings)
}

/// The string under `key` of an object; where the key is repeated the last one counts.
pub(crate) fn string_member(text: &[u8], key: &str) -> Option<(Vec<u8>, Range<usize>)> {
    let start = text.iter().position(|b| !is_blank(*b))?;
    if text[start] != b'{' {
        return None;
    }
    let members = Scanner::new(text).members()?;
    let named = |name: &Option<Range<usize>>| name.clone().is_some_and(|name| unquote(&text[name]) == key.as_bytes());
    let (_, value) = members.into_iter().rfind(|(name, _)| named(name))?;
    (text[value.start] == b'"').then(|| (unquote(&text[value.clone()]), value))
}

fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

/// Validates a whole text and notes the members of the outermost array or object.
struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    /// The closing brackets still to come.
    open: Vec<u8>,
}

/// An object's key, if any, and the value.
type Member = (Option<Range<usize>>, Range<usize>);

impl<'a> Scanner<'a> {
    fn new(text: &'a [u8]) -> Self {
        Scanner { text, at: 0, open: Vec::new() }
    }

    fn members(mut self) -> Option<Vec<Member>> {
        let mut members = Vec::new();
        let mut pending = None;
        self.blanks();
        self.descend()?;
        let mut fresh = true;
        while let Some(close) = self.open.last().copied() {
            self.blanks();
            if self.eat(close).is_some() {
                self.open.pop();
                fresh = false;
                if self.open.len() == 1 {
                    let (key, start): (Option<Range<usize>>, usize) = pending.take()?;
                    members.push((key, start..self.at));
                }
                continue;
            }
            if !fresh {
                self.eat(b',')?;
                self.blanks();
            }
            let key = if close == b'}' { Some(self.key()?) } else { None };
            let start = self.at;
            fresh = matches!(self.text.get(start)?, b'[' | b'{');
            if fresh {
                if self.open.len() == 1 {
                    pending = Some((key, start));
                }
                self.descend()?;
            } else {
                self.scalar()?;
                if self.open.len() == 1 {
                    members.push((key, start..self.at));
                }
            }
        }
        self.blanks();
        (self.at == self.text.len()).then_some(members)
    }

    /// Enters an array or object.
    fn descend(&mut self) -> Option<()> {
        let close = match self.text.get(self.at)? {
            b'[' => b']',
            b'{' => b'}',
            _ => return None,
        };
        self.at += 1;
        self.open.push(close);
        (self.open.len() <= MAX_DEPTH).then_some(())
    }

    fn key(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        self.string()?;
        let key = start..self.at;
        self.blanks();
        self.eat(b':')?;
        self.blanks();
        Some(key)
    }

    fn scalar(&mut self) -> Option<()> {
        match self.text.get(self.at)? {
            b'"' => self.string(),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => self.number(),
        }
    }

    fn string(&mut self) -> Option<()> {
        self.eat(b'"')?;
        loop {
            let b = *self.text.get(self.at)?;
            self.at += 1;
            match b {
                b'"' => return Some(()),
                b'\\' => self.escape()?,
                0..0x20 => return None,
                _ => {}
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        let b = *self.text.get(self.at)?;
        self.at += 1;
        if b == b'u' {
            let digits = self.text.get(self.at..self.at + 4)?;
            self.at += 4;
            return digits.iter().all(u8::is_ascii_hexdigit).then_some(());
        }
        b"\"\\/bfnrt".contains(&b).then_some(())
    }

    /// A number that a 64-bit float can hold.
    fn number(&mut self) -> Option<()> {
        let start = self.at;
        let _ = self.eat(b'-');
        if self.eat(b'0').is_none() {
            self.digits()?;
        }
        if self.eat(b'.').is_some() {
            self.digits()?;
        }
        if self.eat(b'e').or_else(|| self.eat(b'E')).is_some() {
            let _ = self.eat(b'+').or_else(|| self.eat(b'-'));
            self.digits()?;
        }
        let written = std::str::from_utf8(&self.text[start..self.at]).ok()?;
        written.parse::<f64>().ok()?.is_finite().then_some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn literal(&mut self, word: &[u8]) -> Option<()> {
        let found = self.text[self.at..].starts_with(word);
        self.at += word.len();
        found.then_some(())
    }

    fn eat(&mut self, b: u8) -> Option<()> {
        (self.text.get(self.at) == Some(&b)).then(|| self.at += 1)
    }

    fn blanks(&mut self) {
        while self.text.get(self.at).is_some_and(|b| is_blank(*b)) {
            self.at += 1;
        }
    }
}

/// Decodes a valid string, quotes included in `quoted`; what is not UTF-8 or half a surrogate pair is U+FFFD.
fn unquote(quoted: &[u8]) -> Vec<u8> {
    let mut rest = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    let mut out = Vec::with_capacity(rest.len());
    while let Some((c, width)) = unicode::decode(rest) {
        rest = &rest[width..];
        if c != '\\' {
            unicode::push(&mut out, c);
            continue;
        }
        let Some((kind, tail)) = rest.split_first() else { break };
        rest = tail;
        match kind {
            b'u' => {
                let (c, used) = escaped_unit(rest);
                unicode::push(&mut out, c);
                rest = rest.get(used..).unwrap_or_default();
            }
            b'b' => out.push(0x08),
            b'f' => out.push(0x0C),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            other => out.push(*other),
        }
    }
    out
}

/// The character behind `\u` and how many bytes it takes.
fn escaped_unit(rest: &[u8]) -> (char, usize) {
    let Some(first) = hex4(rest) else { return (char::REPLACEMENT_CHARACTER, 4) };
    if let Some(c) = char::from_u32(first) {
        return (c, 4);
    }
    let second = rest.get(4..6).filter(|sign| sign == b"\\u").and_then(|_| hex4(&rest[6..]));
    match second {
        Some(second @ 0xDC00..=0xDFFF) if first < 0xDC00 => {
            let c = char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00));
            (c.unwrap_or(char::REPLACEMENT_CHARACTER), 10)
        }
        _ => (char::REPLACEMENT_CHARACTER, 4),
    }
}

fn hex4(text: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(text.get(..4)?).ok()?;
    u32::from_str_radix(digits, 16).ok()
}

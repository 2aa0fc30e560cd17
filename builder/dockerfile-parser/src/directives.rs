//! Parser directives: `# syntax=`, `# escape=`, `# check=` at the very top of a file.
//! Knows nothing of instructions.
use crate::error::{Error, ErrorKind};
use crate::json;
use crate::lines::{Lines, without_newline};
use crate::span::{Span, Text};
use crate::{flags, unicode};
use std::ops::Range;

/// The directives of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// `# syntax=`: the frontend asked for, with any text behind its name.
    pub syntax: Option<Text>,
    /// `# escape=` as written.
    pub escape: Option<Text>,
    /// `# check=` as written; see [`Check::parse`].
    pub check: Option<Text>,
}

impl Directives {
    /// The escape token: a backslash unless the file says otherwise.
    pub fn escape_token(&self) -> u8 {
        self.escape.as_ref().and_then(|text| text.bytes.first().copied()).unwrap_or(b'\\')
    }
}

/// The frontend that a file asks for, looked for as BuildKit does before it knows that the file is a Dockerfile:
/// a `#!` line is skipped, `// syntax=` and a JSON object with `"syntax"` count too. The text ends at the first space.
pub fn detect_syntax(input: &[u8]) -> Option<Text> {
    let start = if input.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    let mut lines = Lines::new(&input[start..]);
    let shebang = input[start..].starts_with(b"#!").then(|| lines.next()).flatten();
    let start = start + shebang.map_or(0, |line| line.end);
    let rest = &input[start..];
    let found = ["#", "//"].into_iter().find_map(|sign| first_syntax(rest, sign));
    let (bytes, span) = match found {
        Some(text) => {
            let end = text.bytes.iter().position(|b| *b == b' ').unwrap_or(text.bytes.len());
            let name = text.slice(0, end);
            (name.bytes, name.span.start as usize..name.span.end as usize)
        }
        None => json::string_member(rest, "syntax")?,
    };
    Some(Text::new(bytes, Span::new(start + span.start, start + span.end)))
}

fn first_syntax(input: &[u8], sign: &str) -> Option<Text> {
    let (mut lines, mut reader) = (Lines::new(input), Reader { sign: sign.to_owned(), ..Reader::default() });
    while let Some(line) = lines.next().filter(|_| !reader.done) {
        // Another directive's mistake is not what is asked about; parsing reports it.
        let _ = reader.line(input, without_newline(input, line));
    }
    reader.directives.syntax
}

/// Reads directives line by line until a line is none.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pub(crate) directives: Directives,
    /// What begins a comment.
    sign: String,
    done: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Reader { directives: Directives::default(), sign: "#".to_owned(), done: false }
    }
}

impl Reader {
    /// Whether the line (without newline) is a directive; the first that is not ends the zone for good.
    pub(crate) fn line(&mut self, input: &[u8], line: Range<usize>) -> Result<bool, Error> {
        if self.done {
            return Ok(false);
        }
        let parsed = split(&self.sign, input, line);
        self.done = parsed.is_none();
        let Some((key, value)) = parsed else { return Ok(false) };
        let name = unicode::lower(&key.bytes);
        let slot = match &name[..] {
            "syntax" => &mut self.directives.syntax,
            "escape" => &mut self.directives.escape,
            "check" => &mut self.directives.check,
            _ => {
                self.done = true;
                return Ok(false);
            }
        };
        if slot.is_some() {
            return Err(Error::new(ErrorKind::DirectiveRepeated(name), key.span));
        }
        if name == "escape" && !matches!(&value.bytes[..], b"\\" | b"`") {
            return Err(Error::new(ErrorKind::EscapeToken(value.to_str_lossy().into_owned()), value.span));
        }
        *slot = Some(value);
        Ok(true)
    }
}

/// Key and value of `# key = value`.
fn split(sign: &str, input: &[u8], line: Range<usize>) -> Option<(Text, Text)> {
    let bytes = &input[line.clone()];
    let rest = bytes.strip_prefix(sign.as_bytes())?;
    let start = line.start + sign.len() + unicode::leading_blanks(rest);
    let rest = &input[start..line.end];
    let name = rest.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    let equals = name + rest[name..].iter().take_while(|b| is_blank(**b)).count();
    if !rest.first()?.is_ascii_alphabetic() || rest.get(equals) != Some(&b'=') {
        return None;
    }
    let value = value_range(rest, equals + 1)?;
    let text = |range: Range<usize>| Text::new(&rest[range.clone()], Span::new(start + range.start, start + range.end));
    Some((text(0..name), text(value)))
}

/// The value without blanks around it; of nothing but blanks the last one is the value.
fn value_range(rest: &[u8], from: usize) -> Option<Range<usize>> {
    let last = rest.len().checked_sub(1).filter(|last| *last >= from)?;
    let first = from + rest[from..].iter().take_while(|b| is_blank(**b)).count();
    let end = rest.iter().rposition(|b| !is_blank(*b)).map_or(0, |last| last + 1);
    Some(if first < end { first..end } else { last..rest.len() })
}

/// Blank to a Go regular expression.
fn is_blank(b: u8) -> bool {
    matches!(b, b'\t' | b'\n' | 0x0C | b'\r' | b' ')
}

/// `# check=` or a `check=` comment above an instruction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Check {
    /// `skip=`: rules not to report.
    pub skip: Rules,
    /// `experimental=`: rules to report though they are experimental.
    pub experimental: Rules,
    /// `error=true`: a report fails the build.
    pub error: bool,
}

/// A selection of lint rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rules {
    /// `all`.
    All,
    /// Rules by name.
    Some(Vec<Text>),
}

impl Default for Rules {
    fn default() -> Self {
        Rules::Some(Vec::new())
    }
}

impl Check {
    /// Reads `skip=A,B;error=true;experimental=C`. What follows the first space is no part of it.
    pub fn parse(text: &Text) -> Result<Check, Error> {
        let end = text.bytes.iter().position(|b| *b == b' ').unwrap_or(text.bytes.len());
        let text = trimmed(&text.slice(0, end));
        let mut check = Check::default();
        for part in split_at(&text, b';').iter().filter(|_| !text.is_empty()) {
            check.option(part)?;
        }
        Ok(check)
    }

    /// The `check=` among the comments above an instruction; one that cannot be read counts as absent.
    pub fn from_comments(comments: &[Text]) -> Option<Check> {
        let value = comments.iter().find_map(|comment| {
            let (key, value) = split("", &comment.bytes, 0..comment.bytes.len())?;
            let place = value.span.start as usize..value.span.end as usize;
            (unicode::lower(&key.bytes) == "check").then(|| comment.slice(place.start, place.end))
        })?;
        Check::parse(&value).ok()
    }

    fn option(&mut self, part: &Text) -> Result<(), Error> {
        let invalid = || Error::new(ErrorKind::CheckOption(part.to_str_lossy().into_owned()), part.span);
        let (key, value) = part.split_once(b'=').ok_or_else(invalid)?;
        let (key, value) = (trimmed(&key), trimmed(&value));
        match &key.bytes[..] {
            b"skip" => self.skip = Rules::parse(&value),
            b"experimental" => self.experimental = Rules::parse(&value),
            b"error" => {
                let is_error = flags::go_bool(&value.bytes);
                self.error = is_error.ok_or_else(|| invalid().with_hint("error is true or false"))?;
            }
            _ => return Err(invalid().suggesting(&key.to_str_lossy(), ["skip", "error", "experimental"])),
        }
        Ok(())
    }
}

impl Rules {
    /// Whether a rule is among them; names are compared as they are written.
    pub fn contains(&self, rule: &str) -> bool {
        match self {
            Rules::All => true,
            Rules::Some(names) => names.iter().any(|name| name.bytes == rule.as_bytes()),
        }
    }

    fn parse(value: &Text) -> Rules {
        match &value.bytes[..] {
            b"all" => Rules::All,
            _ => Rules::Some(split_at(value, b',').iter().map(trimmed).collect()),
        }
    }
}

fn trimmed(text: &Text) -> Text {
    let range = unicode::trimmed(&text.bytes);
    text.slice(range.start, range.end)
}

fn split_at(text: &Text, separator: u8) -> Vec<Text> {
    let mut parts = Vec::new();
    let mut start = 0;
    for part in text.bytes.split(|b| *b == separator) {
        parts.push(text.slice(start, start + part.len()));
        start += part.len() + 1;
    }
    parts
}

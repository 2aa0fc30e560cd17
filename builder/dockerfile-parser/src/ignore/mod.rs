//! `.dockerignore` and `--exclude`: reading patterns and matching paths against them.
//! Knows nothing of file systems: paths are slash-separated bytes relative to the context.
mod clean;
mod matcher;
mod pattern;

pub use clean::clean;
pub use matcher::{Carry, Matcher, Verdict};
pub use pattern::Pattern;

use crate::error::{Error, ErrorKind};
use crate::lines::{Lines, too_long};
use crate::span::{Span, Text};
use crate::unicode;

/// The patterns of one file, in order; the last that matches wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns {
    pub(crate) patterns: Vec<Pattern>,
}

impl Patterns {
    /// Reads a `.dockerignore` file: `#` in the first column begins a comment. Errors point at the pattern at fault.
    pub fn read(input: &[u8]) -> Result<Patterns, Error> {
        if let Some(span) = too_long(input) {
            return Err(Error::new(ErrorKind::LineTooLong, span));
        }
        let (mut patterns, mut lines) = (Vec::new(), Lines::new(input));
        while let Some(line) = lines.next() {
            let mark = line.start == 0 && input.starts_with(b"\xEF\xBB\xBF");
            let start = line.start + if mark { 3 } else { 0 };
            let inner = unicode::trimmed(&input[start..line.end]);
            if input[start..line.end].starts_with(b"#") || inner.is_empty() {
                continue;
            }
            let written = start + inner.start..start + inner.end;
            let text = Text::new(rooted(&input[written.clone()]), Span::new(written.start, written.end));
            patterns.extend(Pattern::parse(&text, lines.number)?);
        }
        Ok(Patterns { patterns })
    }

    /// Takes patterns as given on an instruction (`--exclude`); line numbers count them from 1.
    pub fn from_flags(patterns: &[Text]) -> Result<Patterns, Error> {
        let parsed = patterns.iter().zip(1..).filter_map(|(text, line)| Pattern::parse(text, line).transpose());
        Ok(Patterns { patterns: parsed.collect::<Result<_, _>>()? })
    }

    /// The patterns in order.
    pub fn iter(&self) -> impl Iterator<Item = &Pattern> {
        self.patterns.iter()
    }
}

/// A line's pattern relative to the context: blanks behind `!` and one leading slash dropped, the path cleaned.
fn rooted(line: &[u8]) -> Vec<u8> {
    let (sign, path) = line.strip_prefix(b"!").map_or((&b""[..], line), |path| (b"!", path));
    let path = &path[unicode::trimmed(path)];
    if path.is_empty() {
        return sign.to_vec();
    }
    let cleaned = clean(path);
    let relative = cleaned.strip_prefix(b"/").filter(|rest| !rest.is_empty()).unwrap_or(&cleaned);
    [sign, relative].concat()
}

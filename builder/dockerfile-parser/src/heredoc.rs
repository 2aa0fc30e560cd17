//! Heredocs: finding `<<NAME` on a line and reading the bodies. Knows nothing of how RUN or COPY uses them.
use crate::error::{Error, ErrorKind};
use crate::lines::{Lines, Logical, without_newline};
use crate::span::{Span, Text};
use crate::tree::Heredoc;
use crate::words::{self, Options, Quotes, WordError};
use std::ops::Range;

/// `<<NAME` taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) name: String,
    pub(crate) descriptor: u64,
    pub(crate) expand: bool,
    pub(crate) chomp: bool,
}

/// Reads `[digits]<<[-]name`; `None` when the word is no heredoc.
pub(crate) fn parse_word(word: &[u8]) -> Result<Option<Word>, WordError> {
    let Some((digits, chomp, rest)) = split_word(word) else { return Ok(None) };
    let options = Options { keep_unset: true, ..Options::new(b'\\') };
    let plain = words::split_with(rest, options, &|_| None)?.words;
    let [name] = &plain[..] else { return Ok(None) };
    let raw = words::split_with(rest, Options { quotes: Quotes::Keep, ..options }, &|_| None)?.words;
    let expand = raw.first().is_none_or(|raw| quotes(raw) == quotes(name));
    let descriptor = digits.iter().fold(0_u64, |n, digit| n.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    Ok(Some(Word { name: name.clone(), descriptor, expand, chomp }))
}

/// The digits, whether there is a dash, and the name as written.
fn split_word(word: &[u8]) -> Option<(&[u8], bool, &[u8])> {
    let digits = word.iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = word[digits..].strip_prefix(b"<<")?;
    let (chomp, rest) = rest.strip_prefix(b"-").map_or((false, rest), |rest| (true, rest));
    let blanks = rest.iter().take_while(|b| matches!(b, b'\t' | b'\n' | 0x0C | b'\r' | b' ')).count();
    let name = &rest[blanks..];
    (!name.is_empty() && !name.contains(&b'<')).then_some((&word[..digits], chomp, name))
}

fn quotes(text: &str) -> usize {
    text.bytes().filter(|b| matches!(b, b'\'' | b'"')).count()
}

/// The heredocs that a line announces, each with its place. A line the lexer cannot read announces none.
pub(crate) fn on_line(line: &Logical) -> Result<Vec<(Word, Span)>, Error> {
    let options = Options { quotes: Quotes::Keep, raw_escapes: true, keep_unset: true, ..Options::new(b'\\') };
    let Ok(split) = words::split_with(&line.bytes, options, &|_| None) else { return Ok(Vec::new()) };
    let (mut found, mut from) = (Vec::new(), 0);
    for word in &split.words {
        let place = place(&line.bytes, from, word);
        let parsed = parse_word(word.as_bytes());
        let parsed = parsed.map_err(|error| Error::new(ErrorKind::HeredocWord(error), line.span(place.clone())))?;
        if let Some(word) = parsed {
            from = place.end;
            found.push((word, line.span(place)));
        }
    }
    Ok(found)
}

/// Where a word of the lexer stands on its line; the whole line when the lexer changed it.
fn place(line: &[u8], from: usize, word: &str) -> Range<usize> {
    let at = line[from..].windows(word.len().max(1)).position(|window| window == word.as_bytes());
    at.map_or(0..line.len(), |at| from + at..from + at + word.len())
}

/// Reads the lines up to the terminator.
pub(crate) fn read_body(word: Word, line: Span, input: &[u8], lines: &mut Lines<'_>) -> Result<Heredoc, Error> {
    let start = lines.offset();
    let mut indented = None;
    while let Some(range) = lines.next() {
        let end = range.start;
        let mut last = &input[without_newline(input, range)];
        if word.chomp {
            last = &last[last.iter().take_while(|b| **b == b'\t').count()..];
        }
        if last == word.name.as_bytes() {
            let content = Text::new(&input[start..end], Span::new(start, end));
            let Word { name, descriptor, expand, chomp } = word;
            return Ok(Heredoc { name: Text::new(name, line), descriptor, expand, chomp, content });
        }
        indented = indented.or((last.trim_ascii() == word.name.as_bytes()).then_some(lines.number));
    }
    let hint = match indented {
        Some(number) => format!("line {number} has blanks beside {0}; <<-{0} allows tabs before it", word.name),
        None => format!("end it with a line that holds only {}", word.name),
    };
    Err(Error::new(ErrorKind::UnterminatedHeredoc(word.name), line).with_hint(hint))
}

/// The text without the tabs at the front of each line.
pub(crate) fn chomped(text: &[u8]) -> Vec<u8> {
    let mut at_start = true;
    let keep = |b: &u8| {
        let dropped = at_start && *b == b'\t';
        at_start = *b == b'\n' || dropped;
        !dropped
    };
    text.iter().copied().filter(keep).collect()
}

/// The rebuilt text that a shell reads: the line, then each body with its terminator.
pub(crate) fn rebuilt(line: &[u8], heredocs: &[Heredoc]) -> Vec<u8> {
    let mut out = line.to_vec();
    for heredoc in heredocs {
        out.push(b'\n');
        out.extend_from_slice(&heredoc.content.bytes);
        out.extend_from_slice(&heredoc.name.bytes);
    }
    out
}

/// A heredoc word among the arguments of COPY or ADD; one that cannot be read is a plain path.
pub(crate) fn as_argument(text: &Text) -> Option<Word> {
    parse_word(&text.bytes).ok().flatten()
}

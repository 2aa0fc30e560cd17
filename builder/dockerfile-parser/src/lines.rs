//! Physical lines and logical ones: continuation lines joined, comments and blank lines between them left out,
//! every byte traceable to the input. Knows nothing of keywords.
use crate::span::{Span, Text};
use crate::unicode;
use std::ops::Range;

/// A physical line may hold this many bytes besides its newline.
const MAX_LINE: usize = 65_535;

/// Reads physical lines off the input.
#[derive(Clone, Debug)]
pub(crate) struct Lines<'a> {
    input: &'a [u8],
    at: usize,
    /// Number of the line read last, from 1.
    pub(crate) number: u32,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Lines { input, at: 0, number: 0 }
    }

    /// The next line with its newline, as a range of the input.
    pub(crate) fn next(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        let rest = self.input.get(start..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |newline| newline + 1);
        self.at += length;
        self.number += 1;
        Some(start..self.at)
    }

    /// Offset of the next line.
    pub(crate) fn offset(&self) -> usize {
        self.at
    }
}

/// The first line that is too long, if any.
pub(crate) fn too_long(input: &[u8]) -> Option<Span> {
    let mut start = 0;
    for line in input.split(|b| *b == b'\n') {
        if line.len() > MAX_LINE {
            return Some(Span::new(start, start + line.len()));
        }
        start += line.len() + 1;
    }
    None
}

/// The range without the run of `\r` and `\n` at its end.
pub(crate) fn without_newline(input: &[u8], line: Range<usize>) -> Range<usize> {
    let kept = input[line.clone()].iter().rposition(|b| !matches!(b, b'\r' | b'\n')).map_or(0, |last| last + 1);
    line.start..line.start + kept
}

/// The range without leading blanks.
pub(crate) fn without_indent(input: &[u8], line: Range<usize>) -> Range<usize> {
    line.start + unicode::leading_blanks(&input[line.clone()])..line.end
}

/// Whether the first that is not blank is `#`.
pub(crate) fn is_comment(line: &[u8]) -> bool {
    line.get(unicode::leading_blanks(line)) == Some(&b'#')
}

/// Without the escape token that continues the line, or `None` when the line ends here.
///
/// The token may be followed by blanks and tabs, and must not follow another token.
pub(crate) fn continued(input: &[u8], line: Range<usize>, escape: u8) -> Option<Range<usize>> {
    let bytes = &input[line.clone()];
    let last = bytes.iter().rposition(|b| !matches!(b, b' ' | b'\t'))?;
    let escaped = last > 0 && bytes[last - 1] == escape;
    (bytes[last] == escape && !escaped).then_some(line.start..line.start + last)
}

/// One instruction's line: pieces of the input put together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logical {
    pub(crate) bytes: Vec<u8>,
    /// Offset in `bytes` and in the input where each piece begins.
    pieces: Vec<(usize, usize)>,
}

impl Logical {
    pub(crate) fn push(&mut self, input: &[u8], piece: Range<usize>) {
        if !piece.is_empty() || self.pieces.is_empty() {
            self.pieces.push((self.bytes.len(), piece.start));
            self.bytes.extend_from_slice(&input[piece]);
        }
    }

    /// Where a range of the joined line was written.
    pub(crate) fn span(&self, range: Range<usize>) -> Span {
        let start = self.offset(range.start);
        let end = if range.is_empty() { start } else { self.offset(range.end - 1) + 1 };
        Span::new(start, end)
    }

    /// The range as it stands.
    pub(crate) fn text(&self, range: Range<usize>) -> Text {
        Text::new(&self.bytes[range.clone()], self.span(range))
    }

    fn offset(&self, at: usize) -> usize {
        let piece = self.pieces.partition_point(|(start, _)| *start <= at).saturating_sub(1);
        self.pieces.get(piece).map_or(0, |(start, input)| input + at - start)
    }
}

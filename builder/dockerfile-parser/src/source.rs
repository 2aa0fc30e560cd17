//! The input and its table of lines: turns an offset into a line and a column. Knows nothing of the language.
use crate::span::Span;

/// A place as an editor shows it; both count from 1, columns in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line number.
    pub line: u32,
    /// Byte column.
    pub column: u32,
}

/// The bytes that were parsed with the offset of every line start.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    bytes: &'a [u8],
    starts: Vec<u32>,
}

impl<'a> Source<'a> {
    /// Reads the line table: one pass over `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        let after = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at as u32 + 1);
        let mut starts = vec![0];
        starts.extend(after.filter(|at| (*at as usize) < bytes.len()));
        Source { bytes, starts }
    }

    /// The whole input.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Number of lines; a final newline does not begin another, and the empty input has one.
    pub fn line_count(&self) -> u32 {
        self.starts.len() as u32
    }

    /// Line and column of an offset; offsets past the end are on the last line.
    pub fn position(&self, offset: u32) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        Position { line: line as u32, column: offset - start + 1 }
    }

    /// The bytes of line `line` (from 1) without its line ending; empty when there is no such line.
    pub fn line(&self, line: u32) -> &'a [u8] {
        let span = self.line_span(line);
        let raw = self.bytes.get(span.start as usize..span.end as usize).unwrap_or_default();
        let end = raw.iter().rposition(|b| !matches!(b, b'\r' | b'\n')).map_or(0, |at| at + 1);
        &raw[..end]
    }

    /// Where line `line` (from 1) lies, its newline included.
    pub fn line_span(&self, line: u32) -> Span {
        let at = |line: u32| self.starts.get(line as usize).map_or(self.bytes.len(), |start| *start as usize);
        match line.checked_sub(1) {
            Some(index) => Span::new(at(index), at(line)),
            None => Span::default(),
        }
    }

    /// The input bytes that a span covers; empty when the span is of another input.
    pub fn slice(&self, span: Span) -> &'a [u8] {
        self.bytes.get(span.start as usize..span.end as usize).unwrap_or_default()
    }
}

//! Where a piece of text lies in the input. Knows nothing of lines (see `source`) or of what the text means.
use std::borrow::Cow;
use std::fmt;

/// A half-open range of byte offsets into the parsed input.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset just past the last byte.
    pub end: u32,
}

impl Span {
    /// The range `start..end`; an `end` before `start` gives the empty span at `start`.
    pub fn new(start: usize, end: usize) -> Self {
        Span { start: start as u32, end: end.max(start) as u32 }
    }

    /// Number of input bytes covered.
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Whether nothing is covered: a place between two bytes.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The smallest span that covers both.
    #[must_use]
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// Bytes as the language understands them (continuations joined, JSON decoded, …) and where they were written.
///
/// The span may cover more or fewer bytes than `bytes` holds; both are exact when nothing was decoded.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text {
    /// The value; Dockerfiles are bytes, so this need not be UTF-8.
    pub bytes: Vec<u8>,
    /// Where the value was written.
    pub span: Span,
}

impl Text {
    /// A value with its place.
    pub fn new(bytes: impl Into<Vec<u8>>, span: Span) -> Self {
        Text { bytes: bytes.into(), span }
    }

    /// The value as a string; each byte that is not UTF-8 becomes U+FFFD, as in Go.
    pub fn to_str_lossy(&self) -> Cow<'_, str> {
        crate::unicode::lossy(&self.bytes)
    }

    /// Whether the value is empty.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The part `start..end` of the value; its span is exact when nothing was decoded, else that of the whole.
    #[must_use]
    pub fn slice(&self, start: usize, end: usize) -> Text {
        let bytes = self.bytes.get(start..end).unwrap_or_default().to_vec();
        let base = self.span.start as usize;
        let exact = self.span.len() == self.bytes.len();
        let span = if exact { Span::new(base + start, base + end.min(self.span.len())) } else { self.span };
        Text { bytes, span }
    }

    /// Splits at the first `separator`, which belongs to neither part.
    pub fn split_once(&self, separator: u8) -> Option<(Text, Text)> {
        let at = self.bytes.iter().position(|b| *b == separator)?;
        Some((self.slice(0, at), self.slice(at + 1, self.bytes.len())))
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" @ {:?}", self.bytes.escape_ascii(), self.span)
    }
}

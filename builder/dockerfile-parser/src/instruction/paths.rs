//! What `COPY` and `ADD` share: sources, files written inline, a destination.
use crate::span::Text;

/// Sources and destination, unexpanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Paths, patterns or URLs, in order.
    pub sources: Vec<Text>,
    /// Heredocs given as sources, in order.
    pub files: Vec<InlineFile>,
    /// The last argument.
    pub dest: Text,
}

/// A heredoc as a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InlineFile {
    /// The file's name; the span is the `<<NAME` argument.
    pub name: Text,
    /// The content, leading tabs already dropped for `<<-`.
    pub content: Text,
    /// Whether `words::expand_heredoc` applies.
    pub expand: bool,
}

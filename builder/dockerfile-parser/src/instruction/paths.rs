//! What `COPY` and `ADD` share: sources, files written inline, a destination. Knows nothing of either's flags.
use super::{missing, shown};
use crate::error::{Error, ErrorKind};
use crate::heredoc;
use crate::span::{Span, Text};
use crate::tree::Node;

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

impl Paths {
    /// Sorts the arguments into sources, inline files and the destination.
    pub(super) fn of(node: &Node) -> Result<Paths, Error> {
        let mut args = node.flat_args();
        if args.len() < 2 {
            return Err(no_destination(node, args.first()));
        }
        let dest = args.pop().unwrap_or_default();
        if heredoc::as_argument(&dest).is_some() {
            return Err(Error::new(ErrorKind::HeredocDestination(shown(node)), dest.span));
        }
        let (mut sources, mut files) = (Vec::new(), Vec::new());
        for arg in args {
            match heredoc::as_argument(&arg) {
                Some(word) => files.push(inline_file(node, word, arg.span)),
                None => sources.push(arg),
            }
        }
        Ok(Paths { sources, files, dest })
    }
}

fn no_destination(node: &Node, only: Option<&Text>) -> Error {
    let keyword = shown(node);
    let hint = match only.map(Text::to_str_lossy) {
        Some(only) => format!("nothing says where {only} goes: {keyword} {only} DESTINATION"),
        None => format!("as in {keyword} app.py /app/"),
    };
    Error::new(ErrorKind::NoDestination(keyword), missing(node)).with_hint(hint)
}

/// The heredoc of that name; where a name is repeated the last body counts, and one without a body is empty.
fn inline_file(node: &Node, word: heredoc::Word, span: Span) -> InlineFile {
    let found = node.heredocs.iter().rfind(|heredoc| heredoc.name.bytes == word.name.as_bytes());
    let content = found.map(|heredoc| heredoc.content.clone()).unwrap_or_default();
    let bytes = if word.chomp { heredoc::chomped(&content.bytes) } else { content.bytes };
    InlineFile { name: Text::new(word.name, span), content: Text::new(bytes, content.span), expand: word.expand }
}

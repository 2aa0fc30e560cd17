//! The syntax layer's nouns: what every instruction has in common before its own rules apply.
//! Knows keywords and shapes, not their meaning.
use crate::directives::Directives;
use crate::span::{Span, Text};

/// A file as split into instructions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// `# syntax=`, `# escape=`, `# check=`.
    pub directives: Directives,
    /// The instructions in order, unknown keywords included.
    pub nodes: Vec<Node>,
}

/// One instruction, split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// From the keyword to the end of the last line, heredocs included.
    pub span: Span,
    /// First line, from 1.
    pub first_line: u32,
    /// Last line, from 1; that of the last heredoc's terminator where there is one.
    pub last_line: u32,
    /// The keyword as written.
    pub keyword: Text,
    /// Leading `--…` words, quotes and escapes resolved.
    pub flags: Vec<Text>,
    /// The arguments, split as the keyword asks for.
    pub args: Args,
    /// The whole instruction with its continuation lines joined; without heredocs' bodies.
    pub original: Text,
    /// Heredocs in the order of their bodies.
    pub heredocs: Vec<Heredoc>,
    /// The comments directly above, without `#`.
    pub comments: Vec<Text>,
    /// A blank line where a continuation should be.
    pub blank: Option<Blank>,
}

/// The arguments of an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Args {
    /// A JSON array: CMD, COPY, VOLUME and others.
    Json(Vec<Text>),
    /// Words, or the rest of the line as one word. HEALTHCHECK: its type, then its command.
    Words(Vec<Text>),
    /// HEALTHCHECK: its type, then a JSON array.
    TypedJson(Text, Vec<Text>),
    /// ENV and LABEL.
    Pairs(Vec<KeyValue>),
    /// ONBUILD: the trigger's own node (no heredocs, no comments: they are the outer node's).
    Trigger(Box<Node>),
    /// An unknown keyword's arguments are not split.
    Unknown,
}

/// `key=value`, unexpanded, quotes kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValue {
    /// Before the `=`.
    pub key: Text,
    /// After the `=`.
    pub value: Text,
    /// Written in the old way, `ENV key value`.
    pub legacy: bool,
}

/// `<<NAME` with the lines that belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heredoc {
    /// The terminator, quotes removed; its span is the whole `<<NAME` word.
    pub name: Text,
    /// The number before `<<`; 0 when there is none.
    pub descriptor: u64,
    /// Whether variables are expanded: no part of the name is quoted.
    pub expand: bool,
    /// `<<-`: leading tabs are dropped when the content is used.
    pub chomp: bool,
    /// The lines up to the terminator, as they stand.
    pub content: Text,
}

impl Heredoc {
    /// The content as it is used: without leading tabs where `<<-` asks for it.
    pub fn body(&self) -> Vec<u8> {
        if self.chomp { crate::heredoc::chomped(&self.content.bytes) } else { self.content.bytes.clone() }
    }
}

/// A blank line among the lines of one instruction: accepted, but it deserves a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blank {
    /// The first blank line.
    pub span: Span,
    /// The last of the instruction's lines without heredocs, from 1.
    pub last_line: u32,
}

impl Node {
    /// The arguments as BuildKit lists them: pairs as key, value, separator; a trigger as its keyword and arguments.
    pub fn flat_args(&self) -> Vec<Text> {
        match &self.args {
            Args::Json(args) | Args::Words(args) => args.clone(),
            Args::TypedJson(kind, args) => std::iter::once(kind).chain(args).cloned().collect(),
            Args::Pairs(pairs) => pairs.iter().flat_map(pair_args).collect(),
            Args::Trigger(node) => std::iter::once(node.keyword.clone()).chain(node.flat_args()).collect(),
            Args::Unknown => vec![Text::default()],
        }
    }

    /// Whether the arguments are a JSON array.
    pub fn is_json(&self) -> bool {
        matches!(self.args, Args::Json(_) | Args::TypedJson(..))
    }
}

fn pair_args(pair: &KeyValue) -> [Text; 3] {
    let separator = if pair.legacy { "" } else { "=" };
    [pair.key.clone(), pair.value.clone(), Text::new(separator, Span::default())]
}

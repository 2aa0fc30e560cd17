//! Parses Dockerfiles as BuildKit does (dockerfile/1.26.0-labs), every node with its span. Pure: bytes in, values out;
//! it opens no file and knows nothing of builds.
//!
//! [`syntax`] splits a file into [`Node`]s; [`parse`] adds each instruction's own rules. Values stay as written:
//! [`lint`] knows what should not be written; [`words`] expands them, [`mount`] resolves mounts, [`ignore`] reads `.dockerignore`, [`glob`] matches COPY sources.
mod csv;
mod directives;
mod duration;
mod error;
mod flags;
pub mod glob;
mod heredoc;
pub mod ignore;
pub mod instruction;
mod json;
mod lines;
pub mod lint;
pub mod mount;
mod source;
mod span;
mod split;
mod suggest;
mod syntax;
mod tree;
mod unicode;
pub mod words;

pub use directives::{Check, Directives, Rules, detect_syntax};
pub use error::{Error, ErrorKind};
pub use flags::go_bool;
pub use instruction::{Command, Instruction, KEYWORDS, Kind};
pub use source::{Position, Source};
pub use span::{Span, Text};
pub use suggest::{did_you_mean, look_alike, nearest, question};
pub use syntax::syntax;
pub use tree::{Args, Blank, Heredoc, KeyValue, Node, Tree};

use lint::{Linter, Seen, Site};

/// A parsed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dockerfile {
    /// `# syntax=`, `# escape=`, `# check=`.
    pub directives: Directives,
    /// All instructions in order; only ARG stands before the first FROM.
    pub instructions: Vec<Instruction>,
}

/// Parses a whole file: syntax and each instruction's own rules. A file of ARGs alone is fine here.
pub fn parse(input: &[u8]) -> Result<Dockerfile, Error> {
    parse_linted(input, &mut Linter::default())
}

/// As [`parse`], with a linter that sees the file as far as it can be read.
pub fn parse_linted(input: &[u8], linter: &mut Linter) -> Result<Dockerfile, Error> {
    let tree = syntax(input)?;
    linter.configure(&tree.directives)?;
    linter.see(&Site::NOWHERE, &Seen::Tree(&tree));
    let mut instructions: Vec<Instruction> = Vec::with_capacity(tree.nodes.len());
    let mut in_stage = false;
    for node in &tree.nodes {
        linter.see(&Site::of_node(node), &Seen::Written(node));
        let instruction = Instruction::typed(node)?;
        in_stage |= matches!(instruction.kind, Kind::From(_));
        if !in_stage && !matches!(instruction.kind, Kind::Arg(_)) {
            let keyword = node.keyword.to_str_lossy().to_ascii_uppercase();
            let error = Error::new(ErrorKind::BeforeFrom(keyword), node.keyword.span);
            return Err(error.with_hint("begin with FROM and a base image"));
        }
        instructions.push(instruction);
    }
    linter.see(&Site::NOWHERE, &Seen::File(&instructions));
    Ok(Dockerfile { directives: tree.directives, instructions })
}

/// Parses an ONBUILD trigger as stored in an image's config; spans are offsets into `text`.
pub fn parse_instruction(text: &[u8]) -> Result<Instruction, Error> {
    let tree = syntax(text)?;
    match &tree.nodes[..] {
        [only] => Instruction::typed(only),
        nodes => Err(Error::new(ErrorKind::NotOneInstruction(nodes.len()), Span::new(0, text.len()))),
    }
}

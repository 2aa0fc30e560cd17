//! Parses Dockerfiles as BuildKit does (dockerfile/1.26.0-labs), every node with its span. Pure: bytes in, values out;
//! it opens no file and knows nothing of builds.
//!
//! [`syntax`] splits a file into [`Node`]s; [`parse`] adds each instruction's own rules. Values stay as written:
//! [`words`] expands them, [`mount`] resolves mounts, [`ignore`] reads `.dockerignore`, [`glob`] matches COPY sources.
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
pub use instruction::{Command, Instruction, KEYWORDS, Kind};
pub use source::{Position, Source};
pub use span::{Span, Text};
pub use suggest::{did_you_mean, nearest};
pub use syntax::syntax;
pub use tree::{Args, Heredoc, KeyValue, Node, Tree, Warning, WarningKind};

/// A parsed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dockerfile {
    /// `# syntax=`, `# escape=`, `# check=`.
    pub directives: Directives,
    /// All instructions in order; only ARG stands before the first FROM.
    pub instructions: Vec<Instruction>,
    /// What is accepted but should not be written.
    pub warnings: Vec<Warning>,
}

/// Parses a whole file: syntax and each instruction's own rules. A file of ARGs alone is fine here.
pub fn parse(input: &[u8]) -> Result<Dockerfile, Error> {
    let tree = syntax(input)?;
    if let Some(check) = &tree.directives.check {
        Check::parse(check)?;
    }
    let mut instructions: Vec<Instruction> = Vec::with_capacity(tree.nodes.len());
    let mut in_stage = false;
    for node in &tree.nodes {
        let instruction = Instruction::typed(node)?;
        in_stage |= matches!(instruction.kind, Kind::From(_));
        if !in_stage && !matches!(instruction.kind, Kind::Arg(_)) {
            let keyword = node.keyword.to_str_lossy().to_ascii_uppercase();
            let error = Error::new(ErrorKind::BeforeFrom(keyword), node.keyword.span);
            return Err(error.with_hint("begin with FROM and a base image"));
        }
        instructions.push(instruction);
    }
    Ok(Dockerfile { directives: tree.directives, instructions, warnings: tree.warnings })
}

/// Parses an ONBUILD trigger as stored in an image's config; spans are offsets into `text`.
pub fn parse_instruction(text: &[u8]) -> Result<Instruction, Error> {
    let tree = syntax(text)?;
    match &tree.nodes[..] {
        [only] => Instruction::typed(only),
        nodes => Err(Error::new(ErrorKind::NotOneInstruction(nodes.len()), Span::new(0, text.len()))),
    }
}

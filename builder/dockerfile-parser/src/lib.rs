//! Parses Dockerfiles as BuildKit does (dockerfile/1.26.0-labs), every node with its span. Pure: bytes in, values out;
//! it opens no file and knows nothing of builds.
//!
//! [`syntax`] splits a file into [`Node`]s; [`parse`] adds each instruction's own rules. Values stay as written:
//! [`words`] expands them, [`mount`] resolves mounts, [`ignore`] reads `.dockerignore`, [`glob`] matches COPY sources.
mod directives;
mod error;
pub mod glob;
mod heredoc;
pub mod ignore;
pub mod instruction;
pub mod mount;
mod source;
mod span;
mod suggest;
mod tree;
mod unicode;
pub mod words;

pub use directives::{Check, Directives, Rules};
pub use error::{Error, ErrorKind};
pub use instruction::{Command, Instruction, KEYWORDS, Kind};
pub use source::{Position, Source};
pub use span::{Span, Text};
pub use suggest::did_you_mean;
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
    Ok(Dockerfile { directives: tree.directives, instructions: Vec::new(), warnings: tree.warnings })
}

/// Splits a whole file into instructions without looking at their meaning.
pub fn syntax(input: &[u8]) -> Result<Tree, Error> {
    Err(Error::new(ErrorKind::NoInstructions, Span::new(0, input.len())))
}

/// Parses an ONBUILD trigger as stored in an image's config; spans are offsets into `text`.
pub fn parse_instruction(text: &[u8]) -> Result<Instruction, Error> {
    let mut file = parse(text)?;
    match file.instructions.pop() {
        Some(only) if file.instructions.is_empty() => Ok(only),
        _ => Err(Error::new(ErrorKind::NotOneInstruction(0), Span::new(0, text.len()))),
    }
}

//! `CMD` and `ENTRYPOINT`, and what `RUN` and `HEALTHCHECK` share with them: exec form and shell form.
//! Knows nothing of shells.
use super::{Kind, missing, no_flags};
use crate::error::Error;
use crate::span::Text;
use crate::tree::{Args, Node};

/// A command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A JSON array: run as it stands.
    Exec(Vec<Text>),
    /// Anything else, handed to the shell as one text; empty when there are no arguments.
    Shell(Text),
}

impl Command {
    /// A JSON array is the exec form; all else is one text.
    pub(super) fn of(node: &Node) -> Command {
        match &node.args {
            Args::Json(args) | Args::TypedJson(_, args) => Command::Exec(args.clone()),
            Args::Words(args) => Command::Shell(args.last().cloned().unwrap_or_else(|| Text::new("", missing(node)))),
            _ => Command::Shell(Text::new("", missing(node))),
        }
    }

    /// Whether there is nothing to run.
    pub fn is_empty(&self) -> bool {
        match self {
            Command::Exec(args) => args.is_empty(),
            Command::Shell(text) => text.is_empty(),
        }
    }
}

pub(super) fn parse_cmd(node: &Node) -> Result<Kind, Error> {
    no_flags(node)?;
    Ok(Kind::Cmd(Command::of(node)))
}

pub(super) fn parse_entrypoint(node: &Node) -> Result<Kind, Error> {
    no_flags(node)?;
    Ok(Kind::Entrypoint(Command::of(node)))
}

//! `SHELL ["program", "argument"]`. Knows nothing of the commands it runs.
use super::{Kind, missing, no_flags, shown};
use crate::error::{Error, ErrorKind};
use crate::tree::{Args, Node};

pub(super) fn parse(node: &Node) -> Result<Kind, Error> {
    no_flags(node)?;
    match &node.args {
        Args::Json(args) if !args.is_empty() => Ok(Kind::Shell(args.clone())),
        Args::Words(words) if !words.is_empty() => {
            Err(Error::new(ErrorKind::NotJson(shown(node)), words.first().map_or(node.span, |first| first.span)))
        }
        _ => Err(Error::new(ErrorKind::AtLeastOneArgument(shown(node)), missing(node))),
    }
}

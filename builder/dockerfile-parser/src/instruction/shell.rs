//! `SHELL ["program", "argument"]`. Knows nothing of the commands it runs.
use super::{Kind, by_example, no_flags, shown};
use crate::error::{Error, ErrorKind};
use crate::tree::{Args, Node};

pub(super) fn parse(node: &Node) -> Result<Kind, Error> {
    no_flags(node)?;
    match &node.args {
        Args::Json(args) if !args.is_empty() => Ok(Kind::Shell(args.clone())),
        Args::Words(words) if !words.is_empty() => {
            let first = words.first();
            let error = Error::new(ErrorKind::NotJson(shown(node)), first.map_or(node.span, |first| first.span));
            let is_begun = first.is_some_and(|first| first.bytes.starts_with(b"["));
            Err(if is_begun { error.with_hint(BROKEN) } else { error })
        }
        _ => Err(by_example(node, ErrorKind::AtLeastOneArgument(shown(node)))),
    }
}

const BROKEN: &str = "this array is not valid JSON: double quotes around every word, commas between, ] at the end";

//! `ARG name[=default] …`. Knows nothing of the values given to a build.
use super::{Kind, some_arguments};
use crate::error::{Error, ErrorKind};
use crate::span::Text;
use crate::tree::Node;

/// One build argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgItem {
    /// Unexpanded.
    pub name: Text,
    /// After the `=`, unexpanded, quotes kept.
    pub default: Option<Text>,
}

/// Flags are not looked at, as in BuildKit.
pub(super) fn parse(node: &Node) -> Result<Kind, Error> {
    some_arguments(node)?.into_iter().map(item).collect::<Result<_, _>>().map(Kind::Arg)
}

fn item(word: Text) -> Result<ArgItem, Error> {
    match word.split_once(b'=') {
        Some((name, _)) if name.is_empty() => Err(Error::new(ErrorKind::BlankName("ARG".to_owned()), word.span)),
        Some((name, default)) => Ok(ArgItem { name, default: Some(default) }),
        None => Ok(ArgItem { name: word, default: None }),
    }
}

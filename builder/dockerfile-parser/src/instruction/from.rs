//! `FROM [--platform=P] image [AS name]`. Knows nothing of other stages.
use super::{Kind, missing};
use crate::error::{Error, ErrorKind};
use crate::flags::{Flags, Type};
use crate::span::Text;
use crate::tree::Node;
use crate::unicode;

/// The start of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct From {
    /// Image or earlier stage, unexpanded.
    pub image: Text,
    /// `--platform`, unexpanded; `None` also when empty.
    pub platform: Option<Text>,
    /// The word between image and name, as written (`AS`, `as`).
    pub as_word: Option<Text>,
    /// The stage's name in lower case; the span shows how it was written.
    pub name: Option<Text>,
}

pub(super) fn parse(node: &Node) -> Result<Kind, Error> {
    let (image, named) = match &node.flat_args()[..] {
        [image] => (image.clone(), None),
        [image, word, name] if is_as(&word.to_str_lossy()) => (image.clone(), Some((word.clone(), stage_name(name)?))),
        args => return Err(wrong_arguments(node, args)),
    };
    let platform = Flags::check(node, &[("platform", Type::Text)])?.text("platform");
    let (as_word, name) = named.unzip();
    Ok(Kind::From(From { image, platform, as_word, name }))
}

/// `AS` in any case; the long s folds to s in Unicode.
fn is_as(word: &str) -> bool {
    word.replace('\u{17F}', "s").eq_ignore_ascii_case("as")
}

fn stage_name(written: &Text) -> Result<Text, Error> {
    let name = unicode::lower(&written.bytes);
    let valid = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b));
    if valid {
        return Ok(Text::new(name, written.span));
    }
    Err(Error::new(ErrorKind::StageName(written.to_str_lossy().into_owned()), written.span))
}

fn wrong_arguments(node: &Node, args: &[Text]) -> Error {
    let Some(second) = args.get(1) else { return Error::new(ErrorKind::FromArguments, missing(node)) };
    let last = args.last().unwrap_or(second);
    let error = Error::new(ErrorKind::FromArguments, second.span.to(last.span));
    if args.len() == 2 && !is_as(&second.to_str_lossy()) {
        return error.with_hint(format!("to name the stage, write AS {}", second.to_str_lossy()));
    }
    error
}

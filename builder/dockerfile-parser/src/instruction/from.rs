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

/// What is missing, too much, or not where it belongs.
fn wrong_arguments(node: &Node, args: &[Text]) -> Error {
    let refuse = |span| Error::new(ErrorKind::FromArguments, span);
    match args {
        [] => refuse(missing(node)).with_hint("as in FROM debian:12"),
        [dashed, ..] if dashed.bytes.starts_with(b"-") => {
            refuse(dashed.span).with_hint("a flag begins with two dashes, as in --platform=linux/arm64")
        }
        [_, word] if is_as(&word.to_str_lossy()) => refuse(missing(node)).with_hint("AS stands before a stage's name"),
        [_, word] => refuse(word.span).with_hint(format!("to name the stage, write AS {}", word.to_str_lossy())),
        [_, word, name] if !is_as(&word.to_str_lossy()) => {
            let (word, name) = (word.to_str_lossy(), name.to_str_lossy());
            refuse(args[1].span).with_hint(format!("expected AS {name}, not {word} {name}"))
        }
        [first, .., last] => {
            let extra = args.get(3).unwrap_or(first).span.to(last.span);
            refuse(extra).with_hint("a stage's name is one word")
        }
        [only] => refuse(only.span),
    }
}

//! `COPY` with its flags. Knows nothing of where sources come from.
use super::{Kind, Paths};
use crate::error::Error;
use crate::flags::{Flags, Type};
use crate::span::Text;
use crate::tree::Node;

/// Copies from the context, a stage or an image. An empty flag value counts as absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// What and where to.
    pub paths: Paths,
    /// `--from`, never expanded.
    pub from: Option<Text>,
    /// `--chown`, unexpanded.
    pub chown: Option<Text>,
    /// `--chmod`, unexpanded.
    pub chmod: Option<Text>,
    /// `--link`.
    pub link: bool,
    /// `--parents`.
    pub parents: bool,
    /// `--exclude`, never expanded.
    pub excludes: Vec<Text>,
}

const FLAGS: [(&str, Type); 6] = [
    ("from", Type::Text),
    ("chown", Type::Text),
    ("chmod", Type::Text),
    ("link", Type::Bool),
    ("parents", Type::Bool),
    ("exclude", Type::List),
];

pub(super) fn parse(node: &Node) -> Result<Kind, Error> {
    let mut flags = Flags::check(node, &FLAGS)?;
    Ok(Kind::Copy(Box::new(Copy {
        paths: Paths::of(node)?,
        from: flags.text("from"),
        chown: flags.text("chown"),
        chmod: flags.text("chmod"),
        link: flags.bool("link").unwrap_or(false),
        parents: flags.bool("parents").unwrap_or(false),
        excludes: flags.list("exclude"),
    })))
}

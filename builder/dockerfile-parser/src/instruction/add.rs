//! `ADD` with its flags. Knows nothing of URLs and archives.
use super::{Kind, Paths};
use crate::error::Error;
use crate::flags::{Flags, Type};
use crate::span::Text;
use crate::tree::Node;

/// Copies, fetches and unpacks. An empty flag value counts as absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Add {
    /// What and where to.
    pub paths: Paths,
    /// `--chown`, unexpanded.
    pub chown: Option<Text>,
    /// `--chmod`, unexpanded.
    pub chmod: Option<Text>,
    /// `--link`.
    pub link: bool,
    /// `--keep-git-dir`.
    pub keep_git_dir: Option<bool>,
    /// `--checksum`, unexpanded.
    pub checksum: Option<Text>,
    /// `--unpack`.
    pub unpack: Option<bool>,
    /// `--exclude`, never expanded.
    pub excludes: Vec<Text>,
}

const FLAGS: [(&str, Type); 7] = [
    ("chown", Type::Text),
    ("chmod", Type::Text),
    ("link", Type::Bool),
    ("keep-git-dir", Type::Bool),
    ("checksum", Type::Text),
    ("unpack", Type::Bool),
    ("exclude", Type::List),
];

pub(super) fn parse(node: &Node) -> Result<Kind, Error> {
    let mut flags = Flags::check(node, &FLAGS)?;
    Ok(Kind::Add(Box::new(Add {
        paths: Paths::of(node)?,
        chown: flags.text("chown"),
        chmod: flags.text("chmod"),
        link: flags.bool("link").unwrap_or(false),
        keep_git_dir: flags.bool("keep-git-dir"),
        checksum: flags.text("checksum"),
        unpack: flags.bool("unpack"),
        excludes: flags.list("exclude"),
    })))
}

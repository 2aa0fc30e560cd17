//! `ADD` with its flags.
use super::Paths;
use crate::span::Text;

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

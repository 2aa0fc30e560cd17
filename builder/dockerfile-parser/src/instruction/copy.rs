//! `COPY` with its flags.
use super::Paths;
use crate::span::Text;

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

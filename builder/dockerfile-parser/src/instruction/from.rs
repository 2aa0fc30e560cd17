//! `FROM [--platform=P] image [AS name]`.
use crate::span::Text;

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

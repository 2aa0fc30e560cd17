//! `ARG name[=default] …`.
use crate::span::Text;

/// One build argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgItem {
    /// Unexpanded.
    pub name: Text,
    /// After the `=`, unexpanded, quotes kept.
    pub default: Option<Text>,
}

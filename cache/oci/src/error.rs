//! What can be wrong with a value of the specifications. Knows nothing of where the value came from.

/// The result of parsing or encoding a value of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A value that does not follow its specification: what it was meant to be, the text, and the rule it breaks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Text that is not of the noun's form.
    #[error("invalid {what} {text:?}: {rule}")]
    Invalid {
        /// The noun, as in "digest" or "image reference".
        what: &'static str,
        /// The offending text.
        text: String,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// A document that is not valid JSON or lacks a field.
    #[error("invalid {what}: {source}")]
    Json {
        /// The noun, as in "image manifest".
        what: &'static str,
        /// Where and why JSON refused it.
        source: serde_json::Error,
    },
    /// A document of a kind that is not understood.
    #[error("{what} has the media type {media_type:?}, which is not supported")]
    MediaType {
        /// The noun that was expected.
        what: &'static str,
        /// The media type found.
        media_type: String,
    },
}

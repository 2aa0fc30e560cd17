//! One pattern of an ignore file, compiled. Knows nothing of the patterns around it.

/// One line of an ignore file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Line number in its file, from 1.
    pub line: u32,
    /// Begins with `!`: what matches is not ignored after all.
    pub exclusion: bool,
    /// The cleaned pattern without `!`.
    pub text: Vec<u8>,
}

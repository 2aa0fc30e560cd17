//! `ONBUILD trigger`.
use super::Instruction;
use crate::error::Error;
use crate::span::Text;

/// An instruction kept for the images built on this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Onbuild {
    /// The text that goes into the image's config: continuation lines joined, heredocs rebuilt.
    pub trigger: Text,
    /// The trigger as understood here. A trigger that does not stand is still stored: it fails when it runs.
    pub inner: Result<Box<Instruction>, Box<Error>>,
}

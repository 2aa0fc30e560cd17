//! What a target can be given on the command line: build arguments, secrets, ssh agents. Plain data; knows no value but
//! those of arguments.

use dockerfile_parser::lint::Place;
use std::collections::BTreeMap;

/// What a target, with the stages that it needs, can be given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// The stage's name, where it has one.
    pub target: Option<String>,
    /// What the comment above its FROM says of it.
    pub description: Option<String>,
    /// Build arguments by name.
    pub args: BTreeMap<String, Argument>,
    /// Secrets by id.
    pub secrets: BTreeMap<String, Credential>,
    /// Agents by id.
    pub ssh: BTreeMap<String, Credential>,
}

/// A build argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// The value that it has in this build; empty where it has none.
    pub value: String,
    /// What the comment above its ARG says of it.
    pub description: Option<String>,
    /// The ARG.
    pub place: Place,
}

/// A secret or an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Whether the build fails without it.
    pub required: bool,
    /// The first instruction that mounts it.
    pub place: Place,
}

impl Parameters {
    /// Adds those of a stage that files are taken from; what is known already stays.
    pub(crate) fn absorb(&mut self, other: &Self) {
        for (name, argument) in &other.args {
            self.args.entry(name.clone()).or_insert_with(|| argument.clone());
        }
        for (mine, theirs) in [(&mut self.secrets, &other.secrets), (&mut self.ssh, &other.ssh)] {
            for (id, credential) in theirs {
                mine.entry(id.clone()).or_insert(*credential);
            }
        }
    }
}

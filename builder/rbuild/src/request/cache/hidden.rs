//! Specifications and places as messages show them: without the values of secrets. Knows no option.

use super::CachePlace;
use std::collections::BTreeMap;
use std::fmt;

/// How the names of attributes end whose values are nobody's business.
const SECRETS: [&str; 3] = ["access_key_id", "secret_access_key", "token"];

const MASK: &str = "***";

/// Whether what stands before a value is the name of a secret, or ends like one.
fn is_secret(name: &str) -> bool {
    let name = name.trim_end_matches(|char: char| char == '"' || char.is_whitespace()).to_ascii_lowercase();
    SECRETS.iter().any(|secret| name.ends_with(secret))
}

/// The text of a specification, or one that has it in itself. Among quotes, which may be wrong, a secret ends nowhere.
pub(super) fn spec(text: &str) -> String {
    if text.contains('"') {
        return field(text);
    }
    text.split(',').map(field).collect::<Vec<_>>().join(",")
}

/// What follows the name of a secret goes, wherever in a text it stands.
fn field(text: &str) -> String {
    let mut ends = text.match_indices('=').map(|(at, _)| at);
    match ends.find(|at| is_secret(&text[..*at])) {
        Some(at) => format!("{}={MASK}", &text[..at]),
        None => text.to_owned(),
    }
}

impl fmt::Debug for CachePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry { reference, insecure } => write!(f, "Registry({reference}, {insecure})"),
            Self::Local(path) => write!(f, "Local({})", path.display()),
            Self::S3(attributes) => write!(f, "S3({:?})", shown(attributes)),
            Self::Gha(attributes) => write!(f, "Gha({:?})", shown(attributes)),
            Self::Inline => f.write_str("Inline"),
        }
    }
}

fn shown(attributes: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    attributes.iter().map(|(name, value)| (&**name, if is_secret(name) { MASK } else { value })).collect()
}

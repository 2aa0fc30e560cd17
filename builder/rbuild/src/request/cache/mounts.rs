//! Which cache mounts are carried: `mounts=all` or `mounts=ID;ID`. Knows no cache.

use std::collections::BTreeSet;

/// The cache mounts that a cache wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MountsWanted {
    /// None.
    #[default]
    None,
    /// All that steps use.
    All,
    /// Those of these ids.
    Ids(BTreeSet<String>),
}

impl MountsWanted {
    /// Whether a mount of that id is wanted.
    pub fn has(&self, id: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Ids(ids) => ids.contains(id),
        }
    }

    /// The ids that are wanted and are not there.
    pub fn unknown<'a>(&'a self, there: &'a BTreeSet<&str>) -> impl Iterator<Item = &'a str> {
        let ids = match self {
            Self::Ids(ids) => Some(ids),
            Self::None | Self::All => None,
        };
        ids.into_iter().flatten().map(String::as_str).filter(|id| !there.contains(id))
    }
}

impl From<&str> for MountsWanted {
    /// Understands `all` and ids between semicolons.
    fn from(text: &str) -> Self {
        let ids: BTreeSet<String> =
            text.split(';').map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect();
        match text.trim() {
            "all" => Self::All,
            _ if ids.is_empty() => Self::None,
            _ => Self::Ids(ids),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_some_and_none() {
        let parse = |text: &str| MountsWanted::from(text);
        assert_eq!(
            (parse(""), parse(" ; "), parse("all")),
            (MountsWanted::None, MountsWanted::None, MountsWanted::All)
        );
        let some = parse("/root/.cache; go ;;go");
        assert!(some.has("go") && some.has("/root/.cache") && !some.has("all"));
        assert_eq!(some.unknown(&BTreeSet::from(["go"])).collect::<Vec<_>>(), ["/root/.cache"]);
        assert_eq!(parse("all").unknown(&BTreeSet::new()).count(), 0);
    }
}

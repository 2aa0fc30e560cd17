//! Which container a word on the command line means: a whole id, a name, or the beginning of an id that no other
//! shares. Knows nothing of what is in a container.

use super::containers::{Containers, Entry};
use crate::container::model::{ContainerId, name};
use crate::error::{Error, Result};

impl Containers {
    /// The container that `word` names; a name goes before the beginning of an id, as with Docker. None of that name is
    /// [`Error::NoContainer`], and one that cannot be read [`Error::Damaged`].
    pub fn find(&self, word: &str) -> Result<Entry> {
        match self.id_of(word)? {
            Some(id) => self.read(&id)?.ok_or_else(|| Error::no_container(word, None)),
            None => Err(Error::no_container(word, self.near(word)?.as_deref())),
        }
    }

    /// The id that `word` names, the same way.
    pub fn id_of(&self, word: &str) -> Result<Option<ContainerId>> {
        let word = word.strip_prefix('/').unwrap_or(word);
        if !name::is_valid(word) && word.len() != 1 {
            return Ok(None);
        }
        let ids = self.ids()?;
        if let Some(id) = ids.iter().find(|id| id.hex() == word) {
            return Ok(Some(id.clone()));
        }
        if let Some(id) = self.owner(word)? {
            return Ok(Some(id));
        }
        let mut beginning = ids.into_iter().filter(|id| id.hex().starts_with(word));
        match (beginning.next(), beginning.next()) {
            (Some(one), Some(other)) => Err(Error::Usage(format!(
                "{word} is the beginning of more than one container's id: {} and {}; give more of it",
                one.short(),
                other.short()
            ))),
            (one, _) => Ok(one),
        }
    }

    fn near(&self, word: &str) -> Result<Option<String>> {
        let names = self.names()?;
        Ok(dockerfile_parser::did_you_mean(word, names.iter().map(String::as_str)).map(str::to_owned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::shelf::testing::shelf;

    #[test]
    fn by_id_name_and_beginning() {
        let (_dir, containers, [web, db]) = shelf(["web", "db1"]);
        let found = |word: &str| containers.find(word).map(|entry| entry.config.name);
        for (word, name) in [
            ("web", "web"),
            ("/web", "web"),
            (web.hex(), "web"),
            (db.hex(), "db1"),
            (web.short(), "web"),
            (&db.hex()[..40], "db1"),
        ] {
            assert_eq!(found(word).unwrap(), name, "{word}");
        }
        for word in ["", "/", "webb", "../names", &"f".repeat(64)] {
            assert!(matches!(found(word), Err(Error::NoContainer { .. })), "{word:?}");
        }
        assert_eq!(found("wbe").unwrap_err().to_string(), "no such container: wbe");
        let Err(Error::NoContainer { hint, .. }) = found("webb") else { panic!("none") };
        assert_eq!(hint, "did you mean web?");
        let Err(Error::NoContainer { hint, .. }) = found("something") else { panic!("none") };
        assert_eq!(hint, "rbuild ps -a lists the containers that there are");
    }

    #[test]
    fn a_beginning_of_many_names_none() {
        let (_dir, containers, _) = shelf([
            "c00", "c01", "c02", "c03", "c04", "c05", "c06", "c07", "c08", "c09", "c10", "c11", "c12", "c13", "c14",
            "c15", "c16",
        ]);
        let digits = b"0123456789abcdef".map(|digit| (digit as char).to_string());
        let refused = digits.iter().filter_map(|digit| containers.find(digit).err());
        let refused: Vec<String> = refused.map(|error| error.to_string()).collect();
        assert!(refused.iter().any(|text| text.contains("is the beginning of more than one")), "{refused:?}");
    }
}

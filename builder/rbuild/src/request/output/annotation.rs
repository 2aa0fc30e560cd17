//! Annotations of manifests, indexes and their descriptors, as buildx's `--annotation` and BuildKit's exporters name
//! them. Knows no image.

use crate::error::{Error, Result};
use rbuild_oci::{Annotations, Platform};

/// Notes for the documents of an image, by where they go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes(Vec<Note>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Note {
    place: Annotated,
    /// The one platform that is meant; all otherwise.
    platform: Option<Platform>,
    key: String,
    value: String,
}

/// A document, or what points at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Annotated {
    /// The manifest of an image.
    Manifest,
    /// What points at a manifest.
    ManifestDescriptor,
    /// The index of several platforms.
    Index,
    /// What points at that index.
    IndexDescriptor,
}

impl Annotated {
    const ALL: [(&str, Self); 4] = [
        ("manifest", Self::Manifest),
        ("manifest-descriptor", Self::ManifestDescriptor),
        ("index", Self::Index),
        ("index-descriptor", Self::IndexDescriptor),
    ];

    fn parse(name: &str) -> std::result::Result<Self, String> {
        let known = Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, place)| *place);
        known.ok_or_else(|| {
            let near = dockerfile_parser::did_you_mean(name, Self::ALL.map(|(known, _)| known));
            let near = dockerfile_parser::question(near);
            format!("annotations do not go to {name:?}{near}: use {}", Self::ALL.map(|(known, _)| known).join(", "))
        })
    }
}

impl Notes {
    /// Adds the value of an `--annotation`: `[PLACE[,PLACE]:]KEY=VALUE`, where a place may end in `[PLATFORM]`.
    pub(in crate::request) fn add(&mut self, text: &str) -> Result<()> {
        let wrong = |why: String| Error::Usage(format!("--annotation {text:?}: {why}"));
        let (key, value) = text.split_once('=').ok_or_else(|| wrong("write KEY=VALUE".to_owned()))?;
        let (places, key) = key.split_once(':').unwrap_or(("manifest", key));
        for place in places.split(',') {
            self.put(place, key, value).map_err(wrong)?;
        }
        Ok(())
    }

    /// Adds what stands behind `annotation` in an attribute of an output, `[-PLACE][[PLATFORM]].KEY`.
    pub(super) fn add_attribute(&mut self, rest: &str, value: &str) -> std::result::Result<(), String> {
        let (place, key) = match rest.split_once("].") {
            Some((platform, key)) => (format!("{platform}]"), key),
            None => rest.split_once('.').map(|(place, key)| (place.to_owned(), key)).ok_or("it names no annotation")?,
        };
        match place.strip_prefix('-') {
            Some(place) => self.put(place, key, value),
            None => self.put(&format!("manifest{place}"), key, value),
        }
    }

    fn put(&mut self, place: &str, key: &str, value: &str) -> std::result::Result<(), String> {
        let (place, platform) = match place.split_once('[') {
            None => (place, None),
            Some((place, platform)) => {
                let platform = platform.strip_suffix(']').ok_or("the bracket before the platform has no other")?;
                (place, Some(platform.parse::<Platform>().map_err(|error| error.to_string())?))
            }
        };
        if key.is_empty() {
            return Err("it has no key".to_owned());
        }
        let note = Note { place: Annotated::parse(place)?, platform, key: key.to_owned(), value: value.to_owned() };
        self.0.push(note);
        Ok(())
    }

    /// Those for a place of an image; of several with one key the last, those of a platform before those of all.
    pub fn of(&self, place: Annotated, platform: Option<&Platform>) -> Annotations {
        let indexes = matches!(place, Annotated::Index | Annotated::IndexDescriptor);
        let here = |note: &&Note| note.place == place && (indexes || note.platform.is_none());
        let mine = |note: &&Note| note.place == place && note.platform.is_some() && note.platform.as_ref() == platform;
        let pair = |note: &Note| (note.key.clone(), note.value.clone());
        self.0.iter().filter(here).map(pair).chain(self.0.iter().filter(mine).map(pair)).collect()
    }

    /// These and others, which are stronger.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        Self(self.0.iter().chain(&others.0).cloned().collect())
    }

    /// Refuses those that have no place among the documents of these platforms.
    pub fn check(&self, platforms: &[Platform], is_index: bool) -> Result<()> {
        for Note { place, platform, key, .. } in &self.0 {
            let wrong = |why: String| Err(Error::Usage(format!("the annotation {key:?}: {why}")));
            if !is_index && matches!(place, Annotated::Index | Annotated::IndexDescriptor) {
                return wrong("one platform has no index: leave `index` out, or build for several".to_owned());
            }
            if let Some(platform) = platform.as_ref().filter(|platform| !platforms.contains(platform)) {
                return wrong(format!("the build is not for {platform}"));
            }
        }
        Ok(())
    }

    /// Whether any goes to where Docker's media types have no room: all but manifests.
    pub(super) fn need_oci(&self) -> bool {
        self.0.iter().any(|note| note.place != Annotated::Manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(texts: &[&str]) -> Notes {
        let mut notes = Notes::default();
        for text in texts {
            notes.add(text).unwrap();
        }
        notes
    }

    fn show(annotations: &Annotations) -> String {
        annotations.iter().map(|(key, value)| format!("{key}={value} ")).collect()
    }

    #[test]
    fn each_goes_where_it_is_sent() {
        let notes = notes(&["a=1", "index,manifest[linux/arm64]:b=x=y", "manifest-descriptor:c=3", "a=2"]);
        let arm = "linux/arm64/v8".parse().unwrap();
        assert_eq!(show(&notes.of(Annotated::Manifest, None)), "a=2 ");
        assert_eq!(show(&notes.of(Annotated::Manifest, Some(&arm))), "a=2 b=x=y ");
        assert_eq!(show(&notes.of(Annotated::Index, None)), "b=x=y ");
        assert_eq!(show(&notes.of(Annotated::ManifestDescriptor, None)), "c=3 ");
        let one = notes.check(&[Platform::new("linux", "amd64")], false).unwrap_err().to_string();
        assert!(one.contains("\"b\"") && one.contains("has no index"), "{one}");
        let other = notes.check(&[Platform::new("linux", "amd64")], true).unwrap_err().to_string();
        assert!(other.contains("not for linux/arm64"), "{other}");
        notes.check(&[arm], true).unwrap();
    }

    #[test]
    fn attributes_say_the_same() {
        let mut found = Notes::default();
        found.add_attribute(".org.example.a", "1").unwrap();
        found.add_attribute("-index.b", "2").unwrap();
        found.add_attribute("-manifest[linux/arm/v7].c.d", "3").unwrap();
        found.add_attribute("[linux/amd64].e", "4").unwrap();
        let expected = ["org.example.a=1", "index:b=2", "manifest[linux/arm/v7]:c.d=3", "manifest[linux/amd64]:e=4"];
        assert_eq!(found, notes(&expected));
        assert!(found.add_attribute("-indx.b", "2").unwrap_err().contains("did you mean index?"));
        assert!(found.add_attribute("b", "2").is_err());
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for (text, names) in [
            ("a", "write KEY=VALUE"),
            ("manifst:a=1", "did you mean manifest?"),
            ("manifest[nonesuch]:a=1", "nonesuch"),
            ("manifest[linux/amd64:a=1", "bracket"),
            ("index:=1", "no key"),
        ] {
            let said = Notes::default().add(text).unwrap_err().to_string();
            assert!(said.contains(names) && said.contains(text), "{said}");
        }
    }
}

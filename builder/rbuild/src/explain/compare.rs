//! What differs between two times that a step was made. Pure: recipes and lists in, differences out.

use super::files;
use super::listing::Listing;
use super::why::Difference;
use rbuild_records::Recipe;
use std::collections::BTreeMap;

/// One time that a step was made, or is to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Side {
    /// From what.
    pub recipe: Recipe,
    /// The instruction.
    pub text: String,
    /// Name and digest of the image that it all begins with.
    pub base: Option<String>,
    /// The files that go in, where they are known.
    pub files: Option<Listing>,
}

/// Values by the name of their part, in the order of the recipe.
type Parts<'a> = BTreeMap<&'a str, Vec<&'a str>>;

/// What `is` has otherwise than `was`; `below` is the number of the step that `is` builds on, where that is not the base
/// image. The step's own inputs come before what it builds on.
pub fn compare(was: &Side, is: &Side, below: Option<usize>) -> Vec<Difference> {
    let (old, new) = (parts(&was.recipe), parts(&is.recipe));
    let differing = |name: &&str| old.get(name) != new.get(name);
    let mut names: Vec<&str> = is.recipe.parts().iter().map(|part| &*part.name).collect();
    names.extend(was.recipe.parts().iter().map(|part| &*part.name));
    let mut found: Vec<(u8, Difference)> = Vec::new();
    for name in names.into_iter().filter(differing) {
        let value = |parts: &Parts<'_>| parts.get(name).map(|values| values.join(", "));
        let (rank, difference) = match Part::of(name) {
            Part::Definition if was.text != is.text => (0, instruction(was, is)),
            Part::Definition | Part::Setting => setting(name, value(&old), value(&new)),
            Part::Words if differing(&"command") => continue,
            Part::Words => setting("the division into words", value(&old), value(&new)),
            Part::HereDocument(name) => setting(name, None, None),
            Part::Variable(name) => (1, variable(name, &old, &new)),
            Part::Hidden(name) => hidden(name, (was, is), (&old, &new)),
            Part::Files(mount) => (3, listed(name, mount, was, is)),
            Part::Parent => (4, parent(was, is, below)),
            Part::Ignored => continue,
        };
        if !found.iter().any(|(_, known)| *known == difference) {
            found.push((rank, difference));
        }
    }
    // Another instruction copies other files.
    if found.iter().any(|(_, known)| matches!(known, Difference::Instruction { .. })) {
        found.retain(|(_, known)| !matches!(known, Difference::Files { mount: None, .. }));
    }
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, difference)| difference).collect()
}

/// What a part of a recipe is for people.
enum Part<'a> {
    /// What the instruction says.
    Definition,
    /// Where the words of a command end.
    Words,
    /// A text in the Dockerfile.
    HereDocument(&'a str),
    Variable(&'a str),
    /// The digest of what is not shown, or not whole.
    Hidden(&'a str),
    /// The digest of files that are copied, or mounted somewhere.
    Files(Option<&'a str>),
    Parent,
    /// A part that another one tells of.
    Ignored,
    Setting,
}

impl<'a> Part<'a> {
    fn of(name: &'a str) -> Self {
        match name {
            "op" | "command" | "source" | "destination" | "exclude" | "path" => Self::Definition,
            "words" => Self::Words,
            "parent" => Self::Parent,
            "files" => Self::Files(None),
            "from" => Self::Ignored,
            _ => {
                let rest = |prefix: &str| name.strip_prefix(prefix);
                let here_document = rest("here-document ").map(|_| Self::HereDocument(name));
                here_document
                    .or_else(|| rest("env ").map(Self::Variable))
                    .or_else(|| rest("digest of ").map(Self::Hidden))
                    .or_else(|| rest("files of ").map(|mount| Self::Files(Some(mount))))
                    .unwrap_or(Self::Setting)
            }
        }
    }
}

fn parts(recipe: &Recipe) -> Parts<'_> {
    let mut parts = Parts::new();
    for part in recipe.parts() {
        parts.entry(&part.name).or_default().push(&part.value);
    }
    parts
}

fn instruction(was: &Side, is: &Side) -> Difference {
    Difference::Instruction { was: was.text.clone(), is: is.text.clone() }
}

fn setting(name: &str, was: Option<String>, is: Option<String>) -> (u8, Difference) {
    (2, Difference::Setting { name: name.to_owned(), was, is })
}

fn variable(name: &str, old: &Parts<'_>, new: &Parts<'_>) -> Difference {
    let (part, digest) = (format!("env {name}"), format!("digest of env {name}"));
    let value = |parts: &Parts<'_>| parts.get(&*part).map(|values| values.join(", "));
    let hidden = old.contains_key(&*digest) || new.contains_key(&*digest);
    let shown = |parts| value(parts).filter(|_| !hidden);
    Difference::Variable { name: name.to_owned(), was: shown(old), is: shown(new), hidden }
}

/// What differs although it is not shown.
fn hidden(name: &str, (was, is): (&Side, &Side), (old, new): (&Parts<'_>, &Parts<'_>)) -> (u8, Difference) {
    match Part::of(name) {
        Part::Variable(name) => (1, variable(name, old, new)),
        Part::Definition if was.text != is.text => (0, instruction(was, is)),
        _ => setting(name, None, None),
    }
}

fn listed(part: &str, mount: Option<&str>, was: &Side, is: &Side) -> Difference {
    let both = was.files.as_ref().zip(is.files.as_ref());
    let groups = both.and_then(|(was, is)| was.group(part).zip(is.group(part)));
    let (changes, count) = groups.map_or((Vec::new(), 0), |(was, is)| files::changes(was, is));
    Difference::Files { mount: mount.map(str::to_owned), changes, count }
}

fn parent(was: &Side, is: &Side, below: Option<usize>) -> Difference {
    match (&was.base, &is.base, below) {
        (Some(was), Some(is), None) if was != is => Difference::Base { was: was.clone(), is: is.clone() },
        (.., step) => Difference::Below { step },
    }
}

//! What is not as it was locked. PURE.

use super::Lock;
use std::collections::BTreeMap;
use std::fmt;

/// One input of two locks that differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Its name or address.
    pub name: String,
    /// What it meant; none where it was not locked.
    pub was: Option<String>,
    /// What it means now; none where nothing asks for it any more.
    pub is: Option<String>,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.was, &self.is) {
            (Some(was), Some(is)) => write!(f, "moved: {} was {was}, is {is}", self.name),
            (None, Some(is)) => write!(f, "new: {} is {is}", self.name),
            (_, None) => write!(f, "unused: {}", self.name),
        }
    }
}

/// In what two locks differ, images first, each kind by name.
pub fn moved(was: &Lock, is: &Lock) -> Vec<Moved> {
    let (was, is) = (&was.entries, &is.entries);
    let mut found = differing(&was.images, &is.images);
    found.extend(differing(&was.files, &is.files));
    found.extend(differing(&was.commits, &is.commits));
    found
}

fn differing<T: PartialEq + fmt::Display>(was: &BTreeMap<String, T>, is: &BTreeMap<String, T>) -> Vec<Moved> {
    let names = was.keys().chain(is.keys().filter(|name| !was.contains_key(*name)));
    let differ = names.filter(|name| was.get(*name) != is.get(*name));
    let text = |value: Option<&T>| value.map(ToString::to_string);
    let mut found: Vec<Moved> =
        differ.map(|name| Moved { name: name.clone(), was: text(was.get(name)), is: text(is.get(name)) }).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

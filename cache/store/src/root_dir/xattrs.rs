//! Extended attributes as a value: as small as a pointer where there are none, as with nearly all files. Knows no file.

use std::collections::BTreeMap;
use std::collections::btree_map::{IntoIter, Iter};
use std::fmt;
use std::iter::Flatten;
use std::ops::{Deref, DerefMut};
use std::option;

/// Extended attributes by name, as in `security.capability`.
#[derive(Clone, Default)]
pub struct Xattrs(Option<Box<Map>>);

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

static NONE: Map = Map::new();

impl Xattrs {
    /// None.
    pub const fn new() -> Self {
        Self(None)
    }

    /// Leaves those of which `keep` says so.
    pub fn retain(&mut self, keep: impl FnMut(&Vec<u8>, &mut Vec<u8>) -> bool) {
        if let Some(map) = &mut self.0 {
            map.retain(keep);
        }
    }
}

impl Deref for Xattrs {
    type Target = Map;

    fn deref(&self) -> &Map {
        self.0.as_deref().unwrap_or(&NONE)
    }
}

impl DerefMut for Xattrs {
    fn deref_mut(&mut self) -> &mut Map {
        self.0.get_or_insert_default()
    }
}

impl fmt::Debug for Xattrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl PartialEq for Xattrs {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Xattrs {}

impl Extend<(Vec<u8>, Vec<u8>)> for Xattrs {
    fn extend<I: IntoIterator<Item = (Vec<u8>, Vec<u8>)>>(&mut self, more: I) {
        for (name, value) in more {
            self.insert(name, value);
        }
    }
}

impl FromIterator<(Vec<u8>, Vec<u8>)> for Xattrs {
    fn from_iter<I: IntoIterator<Item = (Vec<u8>, Vec<u8>)>>(all: I) -> Self {
        let mut xattrs = Self::new();
        xattrs.extend(all);
        xattrs
    }
}

impl IntoIterator for Xattrs {
    type Item = (Vec<u8>, Vec<u8>);
    type IntoIter = IntoIter<Vec<u8>, Vec<u8>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.map(|map| *map).unwrap_or_default().into_iter()
    }
}

impl<'a> IntoIterator for &'a Xattrs {
    type Item = (&'a Vec<u8>, &'a Vec<u8>);
    type IntoIter = Iter<'a, Vec<u8>, Vec<u8>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut Xattrs {
    type Item = (&'a Vec<u8>, &'a mut Vec<u8>);
    type IntoIter = Flatten<option::IntoIter<&'a mut Map>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.as_deref_mut().into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_are_none_however_they_came_about() {
        let mut emptied = Xattrs::new();
        emptied.insert(b"user.a".to_vec(), b"b".to_vec());
        assert_ne!(emptied, Xattrs::new());
        emptied.retain(|_, _| false);
        assert_eq!((&emptied, emptied.len()), (&Xattrs::new(), 0));
        assert_eq!(size_of::<Xattrs>(), size_of::<usize>());
    }
}

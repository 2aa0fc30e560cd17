//! The files of one step by their places, in the order of layers. Most are put in that order and appended; those that are
//! not lie beside until the end. Knows no rule of COPY.

use rbuild_store::layer::{Entry, Pages, compare_paths};
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::vec;

/// A file and where its data comes from.
pub(super) type Placed<B> = (Entry, Option<B>);

/// Files, each at a path of its own.
pub(super) struct Places<B> {
    /// In order.
    run: Pages<Placed<B>>,
    /// What came out of order; no path is in both.
    late: BTreeMap<Vec<u8>, Placed<B>>,
}

impl<B> Places<B> {
    pub(super) const fn new() -> Self {
        Self { run: Pages::new(), late: BTreeMap::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.run.is_empty() && self.late.is_empty()
    }

    /// What is at a path.
    pub(super) fn get(&self, path: &[u8]) -> Option<&Entry> {
        let found = self.position(path).map(|at| &self.run[at]).or_else(|| self.late.get(path));
        found.map(|(entry, _)| entry)
    }

    /// What is at a path; the path stays what it is.
    pub(super) fn get_mut(&mut self, path: &[u8]) -> Option<&mut Entry> {
        let found = match self.position(path) {
            Some(at) => Some(&mut self.run[at]),
            None => self.late.get_mut(path),
        };
        found.map(|(entry, _)| entry)
    }

    /// Puts a file at its path, and gives what it replaces there.
    pub(super) fn put(&mut self, entry: Entry, body: Option<B>) -> Option<Placed<B>> {
        if self.is_next(&entry.path) {
            let replaced = self.late.remove(&entry.path);
            self.run.push((entry, body));
            return replaced;
        }
        match self.position(&entry.path) {
            Some(at) => Some(std::mem::replace(&mut self.run[at], (entry, body))),
            None => self.late.insert(entry.path.clone(), (entry, body)),
        }
    }

    /// Takes away what is at such paths.
    pub(super) fn take(&mut self, is_gone: impl Fn(&[u8]) -> bool) -> Vec<Placed<B>> {
        let (run, late) = (std::mem::take(&mut self.run), std::mem::take(&mut self.late));
        let mut gone = Vec::new();
        for (entry, body) in run.into_iter().chain(late.into_values()) {
            if is_gone(&entry.path) {
                gone.push((entry, body));
            } else {
                self.put(entry, body);
            }
        }
        gone
    }

    /// All, in no order to rely on.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.run.iter().chain(self.late.values()).map(|(entry, _)| entry)
    }

    /// All, in the order of layers.
    pub(super) fn in_order(self) -> InOrder<B> {
        let mut late: Vec<_> = self.late.into_values().collect();
        late.sort_unstable_by(|(a, _), (b, _)| compare_paths(&a.path, &b.path));
        InOrder { run: self.run.into_iter().peekable(), late: late.into_iter().peekable() }
    }

    fn is_next(&self, path: &[u8]) -> bool {
        self.run.last().is_none_or(|(last, _)| compare_paths(&last.path, path).is_lt())
    }

    fn position(&self, path: &[u8]) -> Option<usize> {
        if self.is_next(path) {
            return None;
        }
        self.run.find(|(entry, _)| compare_paths(&entry.path, path))
    }
}

/// Files in the order of layers, each given away once; their places go with them.
pub struct InOrder<B> {
    run: Peekable<<Pages<Placed<B>> as IntoIterator>::IntoIter>,
    late: Peekable<vec::IntoIter<Placed<B>>>,
}

impl<B> InOrder<B> {
    /// Whether there are none.
    pub(super) fn is_empty(&mut self) -> bool {
        self.run.peek().is_none() && self.late.peek().is_none()
    }
}

impl<B> Iterator for InOrder<B> {
    type Item = Placed<B>;

    fn next(&mut self) -> Option<Placed<B>> {
        match (self.run.peek(), self.late.peek()) {
            (Some((run, _)), Some((late, _))) if compare_paths(&late.path, &run.path).is_lt() => self.late.next(),
            (None, _) => self.late.next(),
            _ => self.run.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rbuild_store::layer::Node;

    fn put(places: &mut Places<u32>, path: &str, body: u32) -> Option<u32> {
        places.put(Entry::new(path, Node::DIRECTORY, 0o755), Some(body)).and_then(|(_, body)| body)
    }

    #[test]
    fn whatever_order_they_come_in_they_go_in_that_of_layers() {
        let mut places = Places::new();
        // In the order of layers `a/b` comes before `a-c`, in that of bytes behind it.
        let paths = ["a", "a-c", "b/x", "a/b", "c", "b", "a/a", "d"];
        for (body, path) in (0..).zip(paths) {
            assert_eq!(put(&mut places, path, body), None);
        }
        for (body, path) in (10..).zip(paths) {
            assert_eq!(put(&mut places, path, body), Some(body - 10), "{path}");
            places.get_mut(path.as_bytes()).unwrap().mode = body;
        }
        assert!(places.get(b"a/c").is_none() && places.get(b"e").is_none());
        assert!(paths.iter().all(|path| places.get(path.as_bytes()).unwrap().path == path.as_bytes()));
        assert_eq!(places.entries().count(), paths.len());
        let gone = places.take(|path| path == b"c" || path == b"b");
        assert_eq!(
            gone.iter().map(|(entry, body)| (entry.mode, *body)).collect::<Vec<_>>(),
            [(14, Some(14)), (15, Some(15))]
        );
        let all: Vec<_> = places.in_order().map(|(entry, body)| (entry.path, entry.mode, body)).collect();
        let expected = [("a", 10), ("a/a", 16), ("a/b", 13), ("a-c", 11), ("b/x", 12), ("d", 17)];
        assert_eq!(all, expected.map(|(path, body)| (path.as_bytes().to_vec(), body, Some(body))));
    }
}

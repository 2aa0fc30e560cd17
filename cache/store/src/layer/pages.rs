//! A long list in pages of equal length: it grows without a second copy of it all, and what is taken from its front
//! leaves room for what is made of it. Knows nothing of what is listed.

use std::cmp::Ordering;
use std::iter::Flatten;
use std::ops::{Index, IndexMut};
use std::{slice, vec};

/// How many are on a page.
const PAGE: usize = 1024;

/// A list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pages<T> {
    /// All but the last are full, and none is empty.
    pages: Vec<Vec<T>>,
}

/// All of a list, in order.
type Iter<'a, T> = Flatten<slice::Iter<'a, Vec<T>>>;

/// All of a list, in order; a page is given back when all on it are taken.
type IntoIter<T> = Flatten<vec::IntoIter<Vec<T>>>;

impl<T> Pages<T> {
    /// An empty list.
    pub const fn new() -> Self {
        Self { pages: Vec::new() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.pages.last().map_or(0, |last| (self.pages.len() - 1) * PAGE + last.len())
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Adds one at the end.
    pub fn push(&mut self, item: T) {
        match self.pages.last_mut() {
            Some(page) if page.len() < PAGE => page.push(item),
            Some(_) => {
                let mut page = Vec::with_capacity(PAGE);
                page.push(item);
                self.pages.push(page);
            }
            None => self.pages.push(vec![item]),
        }
    }

    /// The one at a position.
    pub fn get(&self, at: usize) -> Option<&T> {
        self.pages.get(at / PAGE)?.get(at % PAGE)
    }

    /// The last one.
    pub fn last(&self) -> Option<&T> {
        self.pages.last()?.last()
    }

    /// All, in order.
    pub fn iter(&self) -> Iter<'_, T> {
        self.pages.iter().flatten()
    }

    /// The position of what `order` finds equal, in a list that is in that order; none where there is no such.
    pub fn find(&self, order: impl Fn(&T) -> Ordering) -> Option<usize> {
        let after = self.pages.partition_point(|page| page.first().is_some_and(|first| order(first).is_le()));
        let page = after.checked_sub(1)?;
        Some(page * PAGE + self.pages[page].binary_search_by(order).ok()?)
    }
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Index<usize> for Pages<T> {
    type Output = T;

    fn index(&self, at: usize) -> &T {
        &self.pages[at / PAGE][at % PAGE]
    }
}

impl<T> IndexMut<usize> for Pages<T> {
    fn index_mut(&mut self, at: usize) -> &mut T {
        &mut self.pages[at / PAGE][at % PAGE]
    }
}

impl<T> Extend<T> for Pages<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

impl<T> FromIterator<T> for Pages<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut list = Self::new();
        list.extend(items);
        list
    }
}

impl<T> IntoIterator for Pages<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        self.pages.into_iter().flatten()
    }
}

impl<'a, T> IntoIterator for &'a Pages<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_any_length_is_what_was_put_in_it() {
        for count in [0, 1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE] {
            let mut list: Pages<usize> = (0..count).map(|at| 2 * at).collect();
            assert_eq!((list.len(), list.is_empty()), (count, count == 0));
            assert_eq!(list.last().copied(), count.checked_sub(1).map(|last| 2 * last));
            assert!(list.iter().copied().eq((0..count).map(|at| 2 * at)));
            assert!(list.iter().rev().copied().eq((0..count).rev().map(|at| 2 * at)));
            assert_eq!(list.find(|_| Ordering::Greater), None);
            for at in 0..count {
                assert_eq!((list[at], list.get(at)), (2 * at, Some(&(2 * at))));
                assert_eq!(list.find(|item| item.cmp(&(2 * at))), Some(at));
                assert_eq!(list.find(|item| item.cmp(&(2 * at + 1))), None);
            }
            assert_eq!(list.get(count), None);
            list.push(1);
            assert_eq!(list.into_iter().next_back(), Some(1));
        }
    }
}

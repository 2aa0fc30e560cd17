//! `--filter label=…` and `--filter label!=…` of every verb that lists or removes. Knows labels, not whose they are.

use std::collections::BTreeMap;

/// What labels have to be there, and which must not. All must hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels {
    wanted: Vec<Label>,
    unwanted: Vec<Label>,
}

/// A label, with that value if there is one.
#[derive(Clone, Debug)]
struct Label(String, Option<String>);

impl Labels {
    /// Asks for one more label: `KEY` or `KEY=VALUE`.
    pub(super) fn with(&mut self, text: &str) {
        self.wanted.push(Label::parse(text));
    }

    /// Refuses one more label: `KEY` or `KEY=VALUE`.
    pub(super) fn without(&mut self, text: &str) {
        self.unwanted.push(Label::parse(text));
    }

    /// Whether these labels are such.
    pub(super) fn keep(&self, labels: &BTreeMap<String, String>) -> bool {
        self.wanted.iter().all(|label| label.is_in(labels)) && !self.unwanted.iter().any(|label| label.is_in(labels))
    }
}

impl Label {
    fn parse(text: &str) -> Self {
        match text.split_once('=') {
            Some((key, value)) => Self(key.to_owned(), Some(value.to_owned())),
            None => Self(text.to_owned(), None),
        }
    }

    fn is_in(&self, labels: &BTreeMap<String, String>) -> bool {
        let Self(key, wanted) = self;
        labels.get(key).is_some_and(|own| wanted.as_ref().is_none_or(|wanted| wanted == own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_are_asked_for_and_none_that_is_refused() {
        let own = [("tier", "web"), ("empty", "")].map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        for (with, without, kept) in [
            (&[][..], &[][..], true),
            (&["tier"], &[], true),
            (&["tier=web", "empty="], &[], true),
            (&["tier=db"], &[], false),
            (&["tier", "other"], &[], false),
            (&["tier="], &[], false),
            (&[], &["other"], true),
            (&["tier"], &["tier=db"], true),
            (&["tier"], &["empty"], false),
        ] {
            let mut labels = Labels::default();
            for text in with {
                labels.with(text);
            }
            for text in without {
                labels.without(text);
            }
            assert_eq!(labels.keep(&own), kept, "{with:?} {without:?}");
        }
    }
}

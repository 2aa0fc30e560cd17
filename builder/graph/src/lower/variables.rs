//! Variables in the order of their last setting, and the expansion of words with them. Knows no instruction.

use crate::error::{Error, ErrorKind, Result};
use dockerfile_parser::words::{self, Expanded, WordError};
use dockerfile_parser::{Span, Text};

/// Names and values, each name once, the one set last at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Variables(Vec<(String, String)>);

impl Variables {
    /// The value of a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Sets a name and moves it to the end.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// Forgets a name.
    pub(super) fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// All names, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// All of them, in order.
    pub(super) fn to_list(&self) -> Vec<(String, String)> {
        self.0.clone()
    }

    /// Expands one word; quotes and escapes vanish.
    pub(super) fn expand(&self, text: &Text, escape: u8, span: Span) -> Result<Expanded> {
        words::expand(&text.bytes, escape, &|name| self.get(name).map(str::to_owned))
            .map_err(|source| word_error(text, source, span))
    }
}

/// A word that cannot be expanded, named as it was written.
pub(super) fn word_error(text: &Text, source: WordError, span: Span) -> Error {
    let hint = way_out(&source);
    let error = Error::at(span, ErrorKind::Word { word: text.to_str_lossy().into_owned(), source });
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

fn way_out(error: &WordError) -> Option<String> {
    match error {
        WordError::UnclosedQuote(_) => Some("close it, or write a backslash before it".to_owned()),
        WordError::BadSubstitution => Some("a variable is written $NAME or ${NAME}, a dollar sign \\$".to_owned()),
        WordError::Modifier(_) => Some("the modifiers are :- - :+ + :? ? # ## % %% / and //".to_owned()),
        WordError::Required { name, .. } => {
            Some(format!("give it a value: --build-arg {name}=… where ARG declares it, or ENV {name}=…"))
        }
        _ => None,
    }
}

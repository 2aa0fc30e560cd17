//! `${name}` with its modifiers. Patterns are matched in `pattern`.
//! Knows nothing of quotes.
use super::WordError;
use super::lex::Lexer;
use super::pattern::{Greed, Pattern};

impl Lexer<'_> {
    /// Reads from behind `${` through `}`.
    pub(super) fn braces(&mut self) -> Result<String, WordError> {
        match self.peek() {
            None => return Err(WordError::Missing('}')),
            Some('{' | '}' | ':') => return Err(WordError::BadSubstitution),
            Some(_) => {}
        }
        let name = self.name();
        match self.next() {
            Some('}') => Ok(match self.lookup(&name) {
                None if self.options.keep_unset => format!("${{{name}}}"),
                value => value.unwrap_or_default(),
            }),
            Some(':') => {
                let modifier = self.next();
                self.modified(&name, true, modifier.unwrap_or('\0'))
            }
            Some(c @ ('+' | '-' | '?' | '#' | '%')) => self.modified(&name, false, c),
            Some('/') => self.replaced(&name),
            Some(other) => Err(WordError::Modifier(other.to_string())),
            None => Err(WordError::Missing('}')),
        }
    }

    /// `${name-word}` and its kin; with a colon an empty value counts as unset.
    fn modified(&mut self, name: &str, colon: bool, modifier: char) -> Result<String, WordError> {
        let trims = matches!(modifier, '#' | '%');
        let sign = format!("{}{modifier}", if colon { ":" } else { "" });
        if colon && trims {
            return Err(WordError::Modifier(sign));
        }
        let word = self.until(Some('}'), trims)?.value;
        let value = self.lookup(name);
        if value.is_none() && self.options.keep_unset {
            return Ok(format!("${{{name}{sign}{word}}}"));
        }
        let missing = value.as_ref().is_none_or(|value| colon && value.is_empty());
        match modifier {
            '-' => Ok(if missing { word } else { value.unwrap_or_default() }),
            '+' => Ok(if missing { String::new() } else { word }),
            '?' if missing => Err(required(name, &word, value.is_some())),
            '?' => Ok(value.unwrap_or_default()),
            '#' | '%' => trimmed(&word, &value.unwrap_or_default(), modifier),
            _ => Err(WordError::Modifier(sign)),
        }
    }

    /// `${name/pattern/replacement}`; a second slash before the pattern replaces all.
    fn replaced(&mut self, name: &str) -> Result<String, WordError> {
        let all = self.peek() == Some('/');
        if all {
            self.next();
        }
        let pattern = self.until(Some('/'), true)?.value;
        let replacement = self.until(Some('}'), true)?.value;
        let value = self.lookup(name);
        if value.is_none() && self.options.keep_unset {
            return Ok(format!("${{{name}/{pattern}/{replacement}}}"));
        }
        let value = value.unwrap_or_default();
        let parsed = Pattern::parse(&pattern, Greed::Longest)?;
        Ok(if all { parsed.replace_all(&value, &replacement) } else { parsed.replace_first(&value, &replacement) })
    }
}

fn required(name: &str, word: &str, set: bool) -> WordError {
    let usual = if set { "is empty" } else { "is not set" };
    let message = if word.is_empty() { usual } else { word };
    WordError::Required { name: name.to_owned(), message: message.to_owned() }
}

/// Drops the shortest match at the front (`#`) or back (`%`); a doubled sign drops the longest.
fn trimmed(word: &str, value: &str, sign: char) -> Result<String, WordError> {
    let (pattern, greed) = match word.strip_prefix(sign) {
        Some(rest) => (rest, Greed::Longest),
        None => (word, Greed::Shortest),
    };
    if sign == '#' {
        return Ok(Pattern::parse(pattern, greed)?.trim_prefix(value));
    }
    let backwards: String = value.chars().rev().collect();
    let left = Pattern::parse(&super::pattern::reversed(pattern), greed)?.trim_prefix(&backwards);
    Ok(left.chars().rev().collect())
}

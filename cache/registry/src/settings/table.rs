//! Objects of a settings file, read key by key: what is wrong is said with the file, the line and the key. Knows no
//! setting.

use crate::error::{Error, Result};
use crate::similar;
use serde_json::{Map, Value};
use std::path::Path;

/// An object of a file.
pub(super) struct Table<'a> {
    file: &'a Path,
    text: &'a str,
    keys: Vec<&'a str>,
    fields: &'a Map<String, Value>,
}

impl<'a> Table<'a> {
    /// The whole of a file, which is `value` as a text.
    pub(super) fn whole(file: &'a Path, text: &'a str, value: &'a Value) -> Result<Self> {
        let wrong =
            || Error::Setting { setting: format!("file {}", file.display()), reason: "it is written {…}".to_owned() };
        Ok(Self { file, text, keys: Vec::new(), fields: value.as_object().ok_or_else(wrong)? })
    }

    /// Refuses other keys than these.
    pub(super) fn only(&self, known: &[&str]) -> Result<()> {
        let Some(other) = self.fields.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(()) };
        let names: Vec<String> = known.iter().map(|key| (*key).to_owned()).collect();
        let near = similar::nearest(other, &names);
        let way = near
            .first()
            .map_or_else(|| format!("known are {}", names.join(", ")), |near| format!("did you mean {near}?"));
        Err(self.wrong(Some(other), &format!("there is no such key; {way}")))
    }

    /// The object behind a key, if it is there.
    pub(super) fn table(&self, key: &'a str) -> Result<Option<Self>> {
        self.get(key, "an object, {…}", |value| {
            let keys = self.keys.iter().copied().chain([key]).collect();
            value.as_object().map(|fields| Self { file: self.file, text: self.text, keys, fields })
        })
    }

    /// The keys with the objects behind them.
    pub(super) fn tables(&self) -> Result<Vec<(&'a str, Self)>> {
        let all = self.fields.keys().map(|key| Ok(self.table(key)?.map(|table| (key.as_str(), table))));
        all.filter_map(Result::transpose).collect()
    }

    /// The truth behind a key.
    pub(super) fn flag(&self, key: &'a str) -> Result<Option<bool>> {
        self.get(key, "true or false", Value::as_bool)
    }

    /// The text behind a key, or the number as a text.
    pub(super) fn size(&self, key: &'a str) -> Result<Option<String>> {
        let number = |value: &Value| value.as_u64().map(|number| number.to_string());
        self.get(key, "a size as in \"20GB\"", |value| value.as_str().map(str::to_owned).or_else(|| number(value)))
    }

    /// The text behind a key.
    pub(super) fn text(&self, key: &'a str) -> Result<Option<&'a str>> {
        self.get(key, "a text, \"…\"", Value::as_str)
    }

    /// The texts behind a key; one may stand alone.
    pub(super) fn texts(&self, key: &'a str) -> Result<Vec<&'a str>> {
        let texts = self.get(key, "a list of texts, [\"…\"]", |value| match value {
            Value::String(text) => Some(vec![text.as_str()]),
            Value::Array(items) => items.iter().map(Value::as_str).collect(),
            _ => None,
        });
        Ok(texts?.unwrap_or_default())
    }

    /// What is wrong with the value behind a key, or with this object, which is behind one.
    pub(super) fn wrong(&self, key: Option<&str>, reason: &str) -> Error {
        let keys: Vec<&str> = self.keys.iter().copied().chain(key).collect();
        let line = line_of(self.text, &keys).map_or_else(String::new, |line| format!(", line {line}"));
        Error::Setting {
            setting: format!("setting: {} in {}{line}", keys.join(" › "), self.file.display()),
            reason: reason.to_owned(),
        }
    }

    fn get<T>(&self, key: &'a str, form: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Result<Option<T>> {
        match self.fields.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| self.wrong(Some(key), &format!("it is {form}"))),
        }
    }
}

/// The line of the last of `keys`, each looked for behind the one before; none where one is written with escapes.
fn line_of(text: &str, keys: &[&str]) -> Option<usize> {
    let mut from = 0;
    for key in keys {
        let quoted = format!("\"{key}\"");
        let is_key = |at: &usize| text[at + quoted.len()..].trim_start().starts_with(':');
        let at = text[from..].match_indices(&quoted).map(|(at, _)| from + at).find(is_key)?;
        from = at + quoted.len();
    }
    Some(text[..from].matches('\n').count() + 1)
}
